#include "rt/timer_wheel.h"

#include <gtest/gtest.h>

#include <random>

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

class TimerWheelTest : public ::testing::Test {
 protected:
  asio::io_context io_;
  ManualClock clock_;
  TimerWheel wheel_{io_.get_executor(), clock_};

  void pass(std::chrono::nanoseconds time) {
    clock_.advance(time);
    wheel_.advance();
  }
};

TEST_F(TimerWheelTest, FiresOnceAndNeverEarly) {
  int fired = 0;
  TimerWheel::Entry entry([&] { ++fired; });
  wheel_.arm_after(entry, 95ms);
  pass(94ms);
  EXPECT_EQ(fired, 0);
  pass(16ms);
  EXPECT_EQ(fired, 1);
  pass(10s);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(entry.armed());
}

TEST_F(TimerWheelTest, ALaterDeadlineReplacesTheEarlier) {
  int fired = 0;
  TimerWheel::Entry entry([&] { ++fired; });
  wheel_.arm_after(entry, 50ms);
  pass(40ms);
  wheel_.arm_after(entry, 50ms);
  pass(40ms);
  EXPECT_EQ(fired, 0);
  pass(30ms);
  EXPECT_EQ(fired, 1);
}

TEST_F(TimerWheelTest, AnEarlierDeadlineReplacesTheLater) {
  int fired = 0;
  TimerWheel::Entry entry([&] { ++fired; });
  wheel_.arm_after(entry, 60s);
  wheel_.arm_after(entry, 50ms);
  pass(70ms);
  EXPECT_EQ(fired, 1);
}

TEST_F(TimerWheelTest, ADestroyedEntryDoesNotFire) {
  int fired = 0;
  {
    TimerWheel::Entry entry([&] { ++fired; });
    wheel_.arm_after(entry, 50ms);
  }
  pass(1s);
  EXPECT_EQ(fired, 0);
}

TEST_F(TimerWheelTest, AnEntryMayDestroyAnotherOfTheSameSlot) {
  auto second = std::make_unique<TimerWheel::Entry>([] { FAIL(); });
  TimerWheel::Entry first([&] { second.reset(); });
  wheel_.arm_after(first, 50ms);
  wheel_.arm_after(*second, 50ms);
  pass(1s);
}

TEST_F(TimerWheelTest, ManyEntriesFireInTheirTick) {
  struct Probe {
    MonoTime deadline;
    std::unique_ptr<TimerWheel::Entry> entry;
    bool fired = false;
  };
  std::mt19937 random(1);
  std::vector<Probe> probes(2000);
  for (Probe& probe : probes) {
    const std::chrono::milliseconds delay(random() % 20'000);
    probe.deadline = clock_.mono() + delay;
    probe.entry = std::make_unique<TimerWheel::Entry>([this, &probe] {
      EXPECT_FALSE(probe.fired);
      EXPECT_GE(clock_.mono(), probe.deadline);
      EXPECT_LE(clock_.mono(), probe.deadline + 2 * TimerWheel::kTick + 7ms);
      probe.fired = true;
    });
    wheel_.arm(*probe.entry, probe.deadline);
  }
  for (int i = 0; i < 3000; ++i) pass(7ms);
  for (const Probe& probe : probes) EXPECT_TRUE(probe.fired);
}

TEST(TimerWheelLoop, SleepsInRealTime) {
  asio::io_context io;
  const SystemClock clock;
  TimerWheel wheel(io.get_executor(), clock);
  int fired = 0;
  TimerWheel::Entry entry([&] { ++fired; });
  wheel.arm_after(entry, 30ms);
  const MonoTime start = clock.mono();
  io.run();
  EXPECT_EQ(fired, 1);
  EXPECT_GE(clock.mono() - start, 30ms);
}

}  // namespace
}  // namespace cachey::rt
