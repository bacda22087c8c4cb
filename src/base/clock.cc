#include "base/clock.h"

#include <ctime>

namespace cachey {

MonoTime SystemClock::mono() const { return std::chrono::steady_clock::now(); }

int64_t SystemClock::unix_seconds() const { return std::time(nullptr); }

}  // namespace cachey
