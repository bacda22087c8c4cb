#pragma once

#include <string>

#include "aws/credentials.h"
#include "base/error.h"
#include "origin/s3/config.h"
#include "rt/worker.h"

namespace cachey::origin {

// Region and credentials, if they must be looked up. `config` outlives the tasks.

/// The region for buckets of unknown region. kRefused: none was found. kTimeout: `deadline` has
/// passed.
[[nodiscard]] rt::Task<Result<std::string>> find_region(const S3Config& config, rt::Worker& worker,
                                                        MonoTime deadline);

/// Null: requests are not signed. kRefused: none were found. kOverloaded or kTimeout: `deadline`
/// has passed, and the search goes on. The cause of each failure is kNoCredentials, that of
/// find_region() kNoRegion: their texts are for the operator only.
[[nodiscard]] rt::Task<Result<aws::CredentialsPtr>> find_credentials(const S3Config& config,
                                                                     rt::Worker& worker,
                                                                     MonoTime deadline);

/// Looks up both, so that the first get does not wait for them.
[[nodiscard]] rt::Task<void> find_settings_early(const S3Config& config, rt::Worker& worker);

}  // namespace cachey::origin
