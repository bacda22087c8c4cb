#pragma once

#include <chrono>
#include <future>

#include "base/clock.h"
#include "cache/cache.h"
#include "rt/worker.h"

/// The steps of a shutdown that wait. Called on main's thread, while the workers run.
namespace cachey::app {

/// Waits until no worker has a task: fills outlive the requests of their clients. False: `limit` is
/// over.
[[nodiscard]] bool wait_for_tasks(rt::Workers& workers, std::chrono::milliseconds limit,
                                  const Clock& clock);

/// Starts a task on `worker` that writes the pages that are only in memory to the disk. The future
/// becomes true when all pages are durable, or if there is no disk. It becomes false if `deadline`
/// is over or the disk is out of use. `cache` outlives the task.
[[nodiscard]] std::future<bool> start_disk_flush(rt::Worker& worker, cache::Cache& cache,
                                                 MonoTime deadline);

/// Waits for the result of start_disk_flush() until shortly past `deadline`. False if the result
/// comes later, for example because the disk hangs.
[[nodiscard]] bool wait_for_flush(std::future<bool>& flush, MonoTime deadline, const Clock& clock);

}  // namespace cachey::app
