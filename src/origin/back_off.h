#pragma once

#include <chrono>

#include "base/clock.h"
#include "origin/origin.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Waits for `delay` before a request is tried again. The request has no place among those under
/// way meanwhile, and waits for one afterwards, until `deadline`. False: the request was cancelled
/// or hurried, or got no place. `request` outlives the task.
[[nodiscard]] rt::Task<bool> back_off(rt::Worker& worker, const GetRequest& request,
                                      std::chrono::nanoseconds delay, MonoTime deadline);

}  // namespace cachey::origin
