#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

#include "rt/io.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::rt {

/// Wakes one coroutine that waits for several events of its worker at a time: each event calls
/// notify(), and the coroutine then checks all of them. A notification without a waiter is kept for
/// the next wait; several kept ones count as one. Owned by the coroutine; its worker's thread only.
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

  /// Waits until notify() or `deadline`. One wait at a time.
  [[nodiscard]] Task<void> wait_until(MonoTime deadline);
  [[nodiscard]] Task<void> wait();

 private:
  Worker& worker_;
  Waiter* waiter_ = nullptr;  // in the frame of the current wait
  bool pending_ = false;
};

/// Suspends the calling coroutine for `delay`, or until `stop` is requested, which must happen on
/// the worker's thread. False: `stop` was requested.
[[nodiscard]] Task<bool> sleep(Worker& worker, std::chrono::nanoseconds delay,
                               std::stop_token stop);

}  // namespace cachey::rt
