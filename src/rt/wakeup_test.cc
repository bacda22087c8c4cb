#include "rt/wakeup.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

class WakeupTest : public ::testing::Test {
 protected:
  void start(Task<void> task) {
    asio::co_spawn(worker_.io(), std::move(task), asio::detached);
    run();
  }
  void run() { worker_.io().poll(); }
  void pass(std::chrono::nanoseconds time) {
    clock_.advance(time);
    worker_.timers().advance();
    run();
  }

  Task<void> wait(int times) {
    for (int i = 0; i < times; ++i) {
      co_await wakeup_.wait();
      ++woken_;
    }
  }
  Task<void> wait_until(MonoTime deadline) {
    co_await wakeup_.wait_until(deadline);
    ++woken_;
  }
  Task<void> sleep_for(std::chrono::nanoseconds time, std::stop_token stop) {
    slept_ = co_await sleep(worker_, time, std::move(stop));
  }

  // Far in the future, so that the wheel's real timer never fires.
  ManualClock clock_{std::chrono::steady_clock::now() + std::chrono::years(10)};
  Worker worker_{0, clock_};
  Wakeup wakeup_{worker_};
  int woken_ = 0;
  std::optional<bool> slept_;
};

TEST_F(WakeupTest, ANotificationEndsTheWait) {
  start(wait(1));
  EXPECT_EQ(woken_, 0);
  wakeup_.notify();
  run();
  EXPECT_EQ(woken_, 1);
}

TEST_F(WakeupTest, OneThatFindsNobodyIsKeptAndMoreAreOne) {
  wakeup_.notify();
  wakeup_.notify();
  start(wait(2));
  EXPECT_EQ(woken_, 1);
  wakeup_.notify();
  run();
  EXPECT_EQ(woken_, 2);
}

TEST_F(WakeupTest, TheDeadlineEndsTheWait) {
  start(wait_until(clock_.mono() + 100ms));
  pass(80ms);
  EXPECT_EQ(woken_, 0);
  pass(40ms);
  EXPECT_EQ(woken_, 1);
  start(wait(1));
  wakeup_.notify();
  run();
  EXPECT_EQ(woken_, 2) << "a wait that ended so leaves nothing behind";
}

TEST_F(WakeupTest, SleepEndsInTimeOrWhenItIsStopped) {
  std::stop_source stop;
  start(sleep_for(100ms, stop.get_token()));
  pass(120ms);
  EXPECT_EQ(slept_, true);
  start(sleep_for(100ms, stop.get_token()));
  slept_.reset();
  stop.request_stop();
  run();
  EXPECT_EQ(slept_, false);
  slept_.reset();
  start(sleep_for(100ms, stop.get_token()));
  EXPECT_EQ(slept_, false) << "stopped before it began";
}

}  // namespace
}  // namespace cachey::rt
