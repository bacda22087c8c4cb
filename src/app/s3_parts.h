#pragma once

#include <memory>

#include "app/options.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "origin/s3/config.h"
#include "origin/s3/s3_origin.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::app {

/// The S3 client, and its settings: those of the config that was handed in, and who is asked for
/// the others.
struct S3Parts {
  std::unique_ptr<origin::S3Origin> origin;
  origin::S3Config config;
};

/// The S3 client's settings, of the options and of this process's environment. kBadRequest on one
/// that cannot be meant. Blocks.
[[nodiscard]] Result<origin::S3Config> s3_config(const Options& options);

/// As `config` says, with credentials from wherever this process finds them, and the region too,
/// where it names none. What is handed in must outlive the parts.
[[nodiscard]] Result<S3Parts> make_s3(origin::S3Config config, rt::Workers& workers,
                                      rt::BlockingPool& pool, const Clock& clock, Random& random);

}  // namespace cachey::app
