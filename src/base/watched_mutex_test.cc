#include "base/watched_mutex.h"

#include <gtest/gtest.h>

#include <ctime>

namespace cachey {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void hold_for(WatchedMutex& mutex, std::chrono::nanoseconds time) {
  const MutexLock lock(mutex);
  const auto begin = cpu_time();
  while (cpu_time() - begin < time) {
  }
}

TEST(WatchedMutex, MeasuresNothingUnlessAsked) {
  WatchedMutex mutex;
  hold_for(mutex, 1ms);
  EXPECT_EQ(mutex.hold_times().longest(), 0ns);
}

TEST(WatchedMutex, KeepsTheLongestHold) {
  WatchedMutex mutex;
  mutex.hold_times().watch();
  hold_for(mutex, 2ms);
  hold_for(mutex, 1ms);
  EXPECT_GE(mutex.hold_times().longest(), 2ms);
  mutex.hold_times().watch();
  hold_for(mutex, 1ms);
  EXPECT_GE(mutex.hold_times().longest(), 1ms);
}

}  // namespace
}  // namespace cachey
