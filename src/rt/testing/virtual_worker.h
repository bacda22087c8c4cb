#pragma once

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "rt/worker.h"

namespace cachey::rt {

/// A worker on a manual clock: no real waiting, and each run of a test takes the same steps. Runs
/// on the test's thread.
class VirtualWorker {
 public:
  [[nodiscard]] Worker& worker() { return worker_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }

  /// Runs `task` to its end, however long it takes on the virtual clock.
  template <typename T>
  T run(Task<T> task) {
    const std::shared_ptr<std::optional<T>> result = start(std::move(task));
    while (!*result) pass(TimerWheel::kTick);
    return std::move(**result);
  }

  /// Starts `task`. The returned result is set when the task ends: now, or in a later pass() or
  /// run().
  template <typename T>
  std::shared_ptr<std::optional<T>> start(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    auto completed = [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    };
    asio::co_spawn(worker_.io(), keep_result(std::move(task), result), completed);
    worker_.io().poll();
    return result;
  }

  /// Lets `time` pass, tick by tick, and runs what becomes due.
  void pass(std::chrono::nanoseconds time) {
    const MonoTime until = clock_.mono() + time;
    while (clock_.mono() < until) {
      clock_.advance(std::min<std::chrono::nanoseconds>(TimerWheel::kTick, until - clock_.mono()));
      worker_.timers().advance();
      worker_.io().poll();
    }
  }

 private:
  template <typename T>
  static Task<void> keep_result(Task<T> task, std::shared_ptr<std::optional<T>> result) {
    result->emplace(co_await std::move(task));
  }

  // Far in the future, so that the wheel's real timer never fires.
  ManualClock clock_{std::chrono::steady_clock::now() + std::chrono::years(10)};
  Worker worker_{0, clock_};
};

}  // namespace cachey::rt
