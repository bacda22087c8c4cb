#include "rt/waiter.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/mutex.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

/// An event with many waiting coroutines: the pattern of all users of Waiter.
class Event {
 public:
  void set() {
    WaiterList woken;
    {
      const MutexLock lock(mutex_);
      set_ = true;
      woken.swap(waiters_);
    }
    notify_all(woken);
  }

  Task<bool> wait(TimerWheel& timers, MonoTime deadline) {
    Until until(deadline, {});
    const WaitEnd end = co_await wait(timers, std::move(until));
    co_return end == WaitEnd::kNotified;
  }

  Task<WaitEnd> wait(TimerWheel& timers, Until until) {
    const Executor executor = co_await asio::this_coro::executor;
    Waiter waiter(executor);
    if (!enqueue(waiter)) co_return WaitEnd::kNotified;
    std::move_only_function<bool()> leave_list = [this, &waiter] { return remove(waiter); };
    co_return co_await waiter.wait_until(timers, std::move(until), std::move(leave_list));
  }

  bool has_waiters() {
    const MutexLock lock(mutex_);
    return !waiters_.empty();
  }

 private:
  bool enqueue(Waiter& waiter) {
    const MutexLock lock(mutex_);
    if (set_) return false;
    waiters_.push_back(waiter);
    return true;
  }

  bool remove(Waiter& waiter) {
    const MutexLock lock(mutex_);
    if (set_) return false;  // set() has it in a list of its own
    waiters_.erase(waiters_.iterator_to(waiter));
    return true;
  }

  Mutex mutex_;
  bool set_ GUARDED_BY(mutex_) = false;
  WaiterList waiters_ GUARDED_BY(mutex_);
};

TEST(Waiter, WakesOnItsOwnThreadWhoeverNotifies) {
  const SystemClock clock;
  for (int round = 0; round < 200; ++round) {
    asio::io_context io;
    TimerWheel timers(io.get_executor(), clock);
    Event event;
    int woken = 0;
    auto waits = [&]() -> Task<void> {
      const MonoTime deadline = clock.mono() + 60s;
      const bool in_time = co_await event.wait(timers, deadline);
      EXPECT_TRUE(in_time);
      if (++woken == 3) io.stop();  // the wheel's timer would keep the loop running
    };
    for (int i = 0; i < 3; ++i) asio::co_spawn(io, waits(), asio::detached);
    std::thread other([&event] { event.set(); });
    io.run();
    other.join();
    EXPECT_EQ(woken, 3);
  }
}

TEST(Waiter, GivesUpAtTheDeadline) {
  const SystemClock clock;
  asio::io_context io;
  TimerWheel timers(io.get_executor(), clock);
  Event event;
  bool gave_up = false;
  auto waits = [&]() -> Task<void> {
    const MonoTime deadline = clock.mono() + 20ms;
    const bool in_time = co_await event.wait(timers, deadline);
    gave_up = !in_time;
  };
  asio::co_spawn(io, waits(), asio::detached);
  io.run();
  EXPECT_TRUE(gave_up);
}

TEST(Waiter, AStopTakesTheWaiterOffItsListAtOnce) {
  VirtualWorker world;
  Event event;
  std::stop_source stop;
  const MonoTime never = MonoTime::max();
  const auto end = world.start(event.wait(world.worker().timers(), Until(never, stop.get_token())));
  const auto other = world.start(event.wait(world.worker().timers(), Until()));
  EXPECT_FALSE(end->has_value());
  stop.request_stop();
  world.pass(TimerWheel::kTick);
  EXPECT_EQ(*end, WaitEnd::kStopped);
  EXPECT_TRUE(event.has_waiters());
  event.set();
  world.pass(TimerWheel::kTick);
  EXPECT_EQ(*other, WaitEnd::kNotified);
}

TEST(Waiter, AStopBeforeTheWaitEndsTheWait) {
  VirtualWorker world;
  Event event;
  std::stop_source stop;
  stop.request_stop();
  const auto end =
      world.start(event.wait(world.worker().timers(), Until(MonoTime::max(), stop.get_token())));
  world.pass(TimerWheel::kTick);
  EXPECT_EQ(*end, WaitEnd::kStopped);
  EXPECT_FALSE(event.has_waiters());
}

TEST(Waiter, TheFirstOfEventDeadlineAndStopDecides) {
  VirtualWorker world;
  Event event;
  std::stop_source stop;
  const auto until = [&](std::chrono::milliseconds after) {
    return Until(world.clock().mono() + after, stop.get_token());
  };
  const auto late = world.start(event.wait(world.worker().timers(), until(50ms)));
  const auto notified = world.start(event.wait(world.worker().timers(), until(500ms)));
  world.pass(100ms);
  EXPECT_EQ(*late, WaitEnd::kTimeout);
  event.set();
  stop.request_stop();
  world.pass(TimerWheel::kTick);
  EXPECT_EQ(*notified, WaitEnd::kNotified);
}

/// The notifying thread has taken the waiter off its list, and the stop comes before notify().
TEST(Waiter, AStopDuringANotificationWaitsForTheNotification) {
  const SystemClock clock;
  for (int round = 0; round < 200; ++round) {
    asio::io_context io;
    TimerWheel timers(io.get_executor(), clock);
    Event event;
    std::stop_source stop;
    std::optional<WaitEnd> end;
    auto waits = [&]() -> Task<void> {
      end = co_await event.wait(timers, Until(MonoTime::max(), stop.get_token()));
    };
    asio::co_spawn(io, waits(), asio::detached);
    io.poll();
    std::thread other([&event] { event.set(); });
    stop.request_stop();
    other.join();
    io.restart();
    io.run();
    ASSERT_TRUE(end.has_value());
    EXPECT_NE(*end, WaitEnd::kTimeout);
  }
}

TEST(Waiter, SleepsForTheDelay) {
  const SystemClock clock;
  asio::io_context io;
  TimerWheel timers(io.get_executor(), clock);
  const MonoTime start = clock.mono();
  asio::co_spawn(io, timers.sleep(25ms), asio::detached);
  io.run();
  EXPECT_GE(clock.mono() - start, 25ms);
}

}  // namespace
}  // namespace cachey::rt
