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

/// A worker whose time is the test's: nothing waits for real, and the same seed does the same
/// again. Runs on the test's own thread.
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

  /// Starts `task` and returns its result, which is set once it has ended: now, or in a later
  /// pass() or run().
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

  /// Lets so much time pass, and what becomes due happen.
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

  // Far enough ahead that the timers' own clock never gets there.
  ManualClock clock_{std::chrono::steady_clock::now() + std::chrono::years(10)};
  Worker worker_{0, clock_};
};

}  // namespace cachey::rt
