#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/watched_mutex.h"

namespace cachey::store {

/// The tests of hold times run at the sizes of docs/performance.md, which takes minutes and
/// gigabytes.
[[nodiscard]] inline bool full_scale() {
  const char* const value = std::getenv("CACHEY_HOLD_TIMES");
  return value != nullptr && std::string_view(value) == "full";
}

/// Fails if a mutex that all workers share was held for too long, in CPU time of the holder. At
/// full scale prints the time, too.
inline void check_longest_hold(std::string_view what, const HoldTimes& times) {
  using std::chrono::milliseconds;
  // A machine that runs other work, and a sanitizer, take longer.
  const milliseconds limit = full_scale() ? milliseconds(1) : milliseconds(5);
  const double held = std::chrono::duration<double, std::milli>(times.longest()).count();
  if (full_scale())
    std::printf("%8.3f ms  %.*s\n", held, static_cast<int>(what.size()), what.data());
  EXPECT_LE(times.longest(), limit) << what;
}

}  // namespace cachey::store
