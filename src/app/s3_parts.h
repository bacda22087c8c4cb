#pragma once

#include <memory>

#include "app/options/options.h"
#include "base/attributes_pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "origin/s3/config.h"
#include "origin/s3/s3_origin.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::app {

/// The S3 client and its settings, which name the providers of credentials and region.
struct S3Parts {
  std::unique_ptr<origin::S3Origin> origin;
  origin::S3Config config;
};

/// The S3 client's settings, from the options and this process's environment. kBadRequest if a
/// setting is wrong. Blocks.
[[nodiscard]] Result<origin::S3Config> s3_config(const Options& options);

/// Makes the client that `config` describes. Adds the provider of credentials, and of the region if
/// `config` has none. The other arguments outlive the parts.
[[nodiscard]] Result<S3Parts> make_s3(origin::S3Config config, rt::Workers& workers,
                                      rt::BlockingPool& pool, AttributesPool& attributes,
                                      const Clock& clock, Random& random);

}  // namespace cachey::app
