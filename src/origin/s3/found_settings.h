#pragma once

#include <string>

#include "aws/credentials.h"
#include "base/error.h"
#include "origin/s3/config.h"
#include "rt/worker.h"

namespace cachey::origin {

// What `config` leaves to be found when it is needed. `config` outlives the tasks.

/// The region where the bucket's own is not known. kUpstream where there is none, with a text that
/// says why; kTimeout past `deadline`.
[[nodiscard]] rt::Task<Result<std::string>> find_region(const S3Config& config, rt::Worker& worker,
                                                        MonoTime deadline);

/// Null where requests are not signed. Fails as the CredentialsProvider does.
[[nodiscard]] rt::Task<Result<aws::CredentialsPtr>> find_credentials(const S3Config& config,
                                                                     rt::Worker& worker,
                                                                     MonoTime deadline);

/// Finds both, so that the first get need not wait.
[[nodiscard]] rt::Task<void> find_settings_early(const S3Config& config, rt::Worker& worker);

}  // namespace cachey::origin
