#pragma once

#include "aws/checksum.h"
#include "origin/origin.h"
#include "origin/s3/get.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Fetches the range once more. True: the second body has the sum `sum`, too, so the store holds
/// these bytes, and its announced sum is wrong. Then WrongSums knows the object. The worker's
/// thread; `client` and `worker` must outlive the task.
[[nodiscard]] rt::Task<bool> second_fetch_has_same_sum(S3ClientState& client, rt::Worker& worker,
                                                       GetRequest request,
                                                       aws::ExpectedChecksum sum);

}  // namespace cachey::origin
