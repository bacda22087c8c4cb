#pragma once

#include "base/mutex.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::rt {

/// One search at a time, on any worker, and those on all workers who wait for its end. Outlives
/// them. Thread-safe.
class SingleFlight {
 public:
  /// True: nobody searches, so the caller does, and calls end().
  [[nodiscard]] bool begin() EXCLUDES(mutex_);
  /// Wakes all who wait.
  void end() EXCLUDES(mutex_);
  /// Until the search under way has ended; at once where there is none. False: not by `deadline`.
  [[nodiscard]] Task<bool> wait(Worker& worker, MonoTime deadline);

 private:
  class Place;

  [[nodiscard]] bool remove(Waiter& waiter) EXCLUDES(mutex_);

  Mutex mutex_;
  bool busy_ GUARDED_BY(mutex_) = false;
  WaiterList waiting_ GUARDED_BY(mutex_);
};

}  // namespace cachey::rt
