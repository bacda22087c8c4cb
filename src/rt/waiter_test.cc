#include "rt/waiter.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <thread>

#include "base/mutex.h"

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
    const Executor executor = co_await asio::this_coro::executor;
    Waiter waiter(executor);
    if (!enqueue(waiter)) co_return true;
    std::move_only_function<bool()> leave_list = [this, &waiter] { return remove(waiter); };
    co_return co_await waiter.wait_until(timers, deadline, std::move(leave_list));
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
    if (!waiter.is_linked()) return false;
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
