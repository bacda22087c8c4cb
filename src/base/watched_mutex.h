#pragma once

#include <atomic>
#include <chrono>
#include <ctime>
#include <mutex>

#include "base/mutex.h"

namespace cachey {

/// Measures how long a mutex is held, in CPU time of the holding thread: a thread that the system
/// takes off its core meanwhile adds nothing. Off by default, because each measurement is a system
/// call. For tests and benches. Any thread.
class HoldTimes {
 public:
  using Duration = std::chrono::nanoseconds;

  /// Starts from zero.
  void watch() {
    longest_.store(0, std::memory_order_relaxed);
    watched_.store(true, std::memory_order_relaxed);
  }
  /// The longest time since watch() that the mutex was held for, without a break.
  [[nodiscard]] Duration longest() const {
    return Duration(longest_.load(std::memory_order_relaxed));
  }

 private:
  friend class WatchedMutex;

  [[nodiscard]] bool watched() const { return watched_.load(std::memory_order_relaxed); }
  // REQUIRES: the mutex is held, so that one thread calls at a time.
  void add(Duration held) {
    if (held.count() > longest_.load(std::memory_order_relaxed)) {
      longest_.store(held.count(), std::memory_order_relaxed);
    }
  }

  std::atomic<bool> watched_{false};
  std::atomic<Duration::rep> longest_{0};
};

/// A Mutex that the whole process shares, so that a long hold stops all workers. Its hold times can
/// be measured.
class __attribute__((capability("mutex"))) WatchedMutex {
 public:
  void lock() __attribute__((acquire_capability())) {
    mutex_.lock();
    locked_at_ = times_.watched() ? cpu_time() : kNotWatched;
  }
  void unlock() __attribute__((release_capability())) {
    if (locked_at_ != kNotWatched) times_.add(cpu_time() - locked_at_);
    mutex_.unlock();
  }

  [[nodiscard]] HoldTimes& hold_times() { return times_; }

 private:
  static constexpr HoldTimes::Duration kNotWatched{-1};

  [[nodiscard]] static HoldTimes::Duration cpu_time() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  }

  std::mutex mutex_;
  HoldTimes times_;
  HoldTimes::Duration locked_at_ = kNotWatched;  // guarded by mutex_
};

}  // namespace cachey
