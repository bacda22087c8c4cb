#pragma once

#include <gtest/gtest.h>

#include <algorithm>
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

/// Fails if a mutex that all workers share is held for too long, in CPU time of the holder. `run`
/// does the work and returns the longest hold. Other work on the machine only adds to the time, so
/// the shortest of three runs counts. At full scale prints the time, too.
template <typename Run>
void expect_short_holds(std::string_view what, const Run& run) {
  using std::chrono::milliseconds;
  constexpr int kRuns = 3;
  // A sanitizer takes longer, and so does a busy machine.
  const milliseconds limit = full_scale() ? milliseconds(1) : milliseconds(5);
  HoldTimes::Duration longest = run();
  for (int i = 1; i < kRuns && longest > limit; ++i) longest = std::min(longest, run());
  if (full_scale()) {
    const double held = std::chrono::duration<double, std::milli>(longest).count();
    std::printf("%8.3f ms  %.*s\n", held, static_cast<int>(what.size()), what.data());
  }
  EXPECT_LE(longest, limit) << what;
}

}  // namespace cachey::store
