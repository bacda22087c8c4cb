#include "rt/task_group.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/clock.h"
#include "rt/timer_wheel.h"

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

TEST(TaskGroup, TellsWhenTheLastTaskHasEnded) {
  const SystemClock clock;
  asio::io_context io;
  TimerWheel timers(io.get_executor(), clock);
  TaskGroup tasks(io.get_executor());
  bool empty = false;
  tasks.spawn(timers.sleep(10ms));
  tasks.spawn(timers.sleep(30ms));
  EXPECT_EQ(tasks.size(), 2u);
  tasks.when_empty([&] { empty = true; });
  EXPECT_FALSE(empty);
  io.run();
  EXPECT_TRUE(empty);
}

TEST(TaskGroup, OutlivesATaskThatThrows) {
  asio::io_context io;
  TaskGroup tasks(io.get_executor());
  auto throws = []() -> Task<void> {
    throw std::runtime_error("on purpose");
    co_return;
  };
  tasks.spawn(throws());
  io.run();
  EXPECT_EQ(tasks.size(), 0u);
}

}  // namespace
}  // namespace cachey::rt
