#pragma once

#include <memory>

#include "base/error.h"
#include "origin/origin.h"
#include "origin/s3/client.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Whether a get asks for checksums and compares them.
enum class Checksums { kCompare, kIgnore };

/// One get: attempts, remedies and retries until an answer is good or the failure is final.
/// `client` and `worker` must outlive the task and the use of its stream. REQUIRES: the range is
/// not empty, except for a HEAD.
[[nodiscard]] rt::Task<Result<std::unique_ptr<GetStream>>> run_get(S3ClientState& client,
                                                                   rt::Worker& worker,
                                                                   GetRequest request,
                                                                   Checksums checksums);

}  // namespace cachey::origin
