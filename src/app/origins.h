#pragma once

#include <memory>

#include "app/options/options.h"
#include "base/attributes_pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "origin/credentials/credentials_provider.h"
#include "origin/origin.h"
#include "origin/s3/s3_origin.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::app {

/// The origin of --origin.
struct Origins {
  std::unique_ptr<origin::Origin> origin;
  origin::S3Origin* s3 = nullptr;  ///< `origin`, if it is S3; else null
  /// That sign requests to S3. Null: no S3, or requests are anonymous.
  std::shared_ptr<origin::CredentialsProvider> credentials{};
  std::string region{};  ///< as the settings name it; empty: they do not
};

/// Makes the origin that the options name. The other arguments outlive it. Fails with kBadRequest
/// if an option or a variable of the environment is wrong. Blocks; called at start.
[[nodiscard]] Result<Origins> make_origin(const Options& options, rt::Workers& workers,
                                          rt::BlockingPool& pool, AttributesPool& attributes,
                                          const Clock& clock, Random& random);

}  // namespace cachey::app
