#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

#include "rt/io.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::rt {

/// Wakes the one coroutine that watches several things of its worker at a time: whatever happens to
/// one of them notifies, and the watcher looks at all of them again. A notification that finds
/// nobody waiting is kept for the next wait. Owned by the watcher; its worker's thread only.
class Wakeup {
 public:
  explicit Wakeup(Worker& worker) : worker_(worker) {}
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void notify() {
    if (waiter_ == nullptr) {
      pending_ = true;
    } else {
      std::exchange(waiter_, nullptr)->notify();
    }
  }

  /// Until somebody notifies, or `deadline`. One at a time.
  [[nodiscard]] Task<void> wait_until(MonoTime deadline);
  [[nodiscard]] Task<void> wait();

 private:
  Worker& worker_;
  Waiter* waiter_ = nullptr;  // in the frame of the wait that is under way
  bool pending_ = false;
};

/// Suspends the calling coroutine for `delay`, or until `stop` is requested, on the worker's
/// thread. False: it was.
[[nodiscard]] Task<bool> sleep(Worker& worker, std::chrono::nanoseconds delay,
                               std::stop_token stop);

}  // namespace cachey::rt
