#include "rt/waiter.h"

#include <boost/asio/post.hpp>

#include "rt/mailbox.h"

namespace cachey::rt {

void Waiter::notify() {
  if (state_.exchange(State::kNotified, std::memory_order_acq_rel) != State::kWaiting) return;
  const Executor executor = executor_;
  Mailbox::post(executor, std::move(resume_));
}

Task<void> Waiter::wait() {
  if (state_.load(std::memory_order_acquire) == State::kNotified) co_return;
  auto initiate = [this](auto handler) {
    resume_ = [h = std::move(handler)]() mutable { std::move(h)(); };
    State expected = State::kIdle;
    if (state_.compare_exchange_strong(expected, State::kWaiting, std::memory_order_acq_rel))
      return;
    asio::post(executor_, std::move(resume_));  // notify() came meanwhile
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(initiate, kAwait);
}

Task<WaitEnd> Waiter::wait_until(TimerWheel& timers, Until until,
                                 std::move_only_function<bool()> leave_list) {
  WaitEnd end = WaitEnd::kNotified;
  const auto give_up = [this, &end, &leave_list](WaitEnd why) {
    if (!leave_list()) return;
    end = why;
    notify();
  };
  TimerWheel::Entry timer([&give_up] { give_up(WaitEnd::kTimeout); });
  if (until.deadline != MonoTime::max()) timers.arm(timer, until.deadline);
  const auto stopped = [&give_up] { give_up(WaitEnd::kStopped); };
  const std::stop_callback on_stop(std::move(until.stop), stopped);
  co_await wait();
  co_return end;
}

Task<bool> Waiter::wait_until(TimerWheel& timers, MonoTime deadline,
                              std::move_only_function<bool()> leave_list) {
  Until until(deadline, {});
  const WaitEnd end = co_await wait_until(timers, std::move(until), std::move(leave_list));
  co_return end == WaitEnd::kNotified;
}

}  // namespace cachey::rt
