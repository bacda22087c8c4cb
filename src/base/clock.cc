#include "base/clock.h"

#include <ctime>

namespace cachey {

MonoTime SystemClock::mono() const { return std::chrono::steady_clock::now(); }

int64_t SystemClock::unix_seconds() const { return std::time(nullptr); }

std::chrono::system_clock::time_point SystemClock::wall() const {
  return std::chrono::system_clock::now();
}

}  // namespace cachey
