#pragma once

#include "base/mutex.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::rt {

/// Lets one coroutine at a time do a job, for example fetch credentials; coroutines on any worker
/// wait for its end. Outlives the waiting coroutines. Thread-safe.
class SingleFlight {
 public:
  /// True: no job runs; the caller does the job now and then calls end().
  [[nodiscard]] bool begin() EXCLUDES(mutex_);
  /// The job has ended: wakes all waiters.
  void end() EXCLUDES(mutex_);
  /// Waits until the running job ends; returns at once if none runs. False: `deadline` came first.
  [[nodiscard]] Task<bool> wait(Worker& worker, MonoTime deadline);

 private:
  class Place;

  [[nodiscard]] bool remove(Waiter& waiter) EXCLUDES(mutex_);

  Mutex mutex_;
  bool busy_ GUARDED_BY(mutex_) = false;
  WaiterList waiting_ GUARDED_BY(mutex_);
};

}  // namespace cachey::rt
