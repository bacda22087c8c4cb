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

/// Null: requests are not signed. Fails as CredentialsProvider::get(), but never blames the store.
[[nodiscard]] rt::Task<Result<aws::CredentialsPtr>> find_credentials(const S3Config& config,
                                                                     rt::Worker& worker,
                                                                     MonoTime deadline);

/// Looks up both, so that the first get does not wait for them.
[[nodiscard]] rt::Task<void> find_settings_early(const S3Config& config, rt::Worker& worker);

}  // namespace cachey::origin
