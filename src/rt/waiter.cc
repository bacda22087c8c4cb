#include "rt/waiter.h"

#include <boost/asio/post.hpp>

namespace cachey::rt {

void Waiter::notify() {
  if (state_.exchange(State::kNotified, std::memory_order_acq_rel) != State::kWaiting) return;
  const Executor executor = executor_;
  asio::post(executor, std::move(resume_));
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

Task<bool> Waiter::wait_until(TimerWheel& timers, MonoTime deadline,
                              std::move_only_function<bool()> leave_list) {
  bool expired = false;
  TimerWheel::Entry timer([this, &expired, &leave_list] {
    if (!leave_list()) return;
    expired = true;
    notify();
  });
  timers.arm(timer, deadline);
  co_await wait();
  co_return !expired;
}

}  // namespace cachey::rt
