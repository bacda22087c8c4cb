#pragma once

#include <memory>

#include "base/error.h"
#include "origin/forward.h"
#include "origin/s3/client.h"
#include "rt/worker.h"

namespace cachey::origin {

/// One forwarded request: the attempts, remedies and retries of a get (Attempts), until the store
/// answers the question. See Forwarder. kRefused: a field that no request may have, such as one of
/// the signature. `client` and `worker` must outlive the task and the use of its answer.
[[nodiscard]] rt::Task<Result<std::unique_ptr<ForwardAnswer>>> run_forward(S3ClientState& client,
                                                                           rt::Worker& worker,
                                                                           ForwardRequest request);

}  // namespace cachey::origin
