#include "base/clock.h"

namespace cachey {

MonoTime SystemClock::mono() const { return std::chrono::steady_clock::now(); }

int64_t SystemClock::unix_seconds() const { return std::time(nullptr); }

std::chrono::system_clock::time_point SystemClock::wall() const {
  return std::chrono::system_clock::now();
}

std::tm utc_of(int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return parts;
}

}  // namespace cachey
