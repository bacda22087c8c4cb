#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace cachey {

using MonoTime = std::chrono::steady_clock::time_point;

/// The source of time. Injected, so that tests can set the time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonoTime mono() const = 0;         ///< for durations and deadlines
  [[nodiscard]] virtual int64_t unix_seconds() const = 0;  ///< for log lines and protocols
  /// unix_seconds() with the fraction of the second, if the clock has one.
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall() const {
    return std::chrono::system_clock::from_time_t(unix_seconds());
  }
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override;
  [[nodiscard]] int64_t unix_seconds() const override;
  [[nodiscard]] std::chrono::system_clock::time_point wall() const override;
};

/// A clock for tests: moves only by advance() and set_unix_seconds(). Single thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(MonoTime start = MonoTime()) : mono_(start) {}
  [[nodiscard]] MonoTime mono() const override { return mono_; }
  [[nodiscard]] int64_t unix_seconds() const override { return unix_seconds_; }

  void advance(std::chrono::nanoseconds by) { mono_ += by; }
  void set_unix_seconds(int64_t seconds) { unix_seconds_ = seconds; }

 private:
  MonoTime mono_;
  int64_t unix_seconds_ = 0;
};

/// The calendar time in UTC. All fields are zero if the year does not fit.
[[nodiscard]] std::tm utc_of(int64_t unix_seconds);

}  // namespace cachey
