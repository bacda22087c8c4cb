#pragma once

#include <chrono>
#include <future>

#include "base/clock.h"
#include "cache/cache.h"
#include "rt/worker.h"

/// The waits of a shutdown. All are called by main's thread while the workers run.
namespace cachey::app {

/// Waits until no worker has a task (a fill outlives its client's request). False: `limit` went by
/// first.
[[nodiscard]] bool wait_for_tasks(rt::Workers& workers, std::chrono::milliseconds limit,
                                  const Clock& clock);

/// Starts to write the pages that are only in memory to the disk, on `worker`. The future becomes
/// true when all are durable or there is no disk, false if `deadline` came first or the disk is out
/// of use. `cache` outlives the future's result.
[[nodiscard]] std::future<bool> start_disk_flush(rt::Worker& worker, cache::Cache& cache,
                                                 MonoTime deadline);

/// The result of start_disk_flush(), waited for until shortly past `deadline`; false if it takes
/// longer, as with a disk that hangs.
[[nodiscard]] bool wait_for_flush(std::future<bool>& flush, MonoTime deadline, const Clock& clock);

}  // namespace cachey::app
