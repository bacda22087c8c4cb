#include "rt/queued_waiter.h"

#include <functional>

namespace cachey::rt {

Task<bool> QueuedWaiter::wait_in_list(TimerWheel& timers, MonoTime deadline, std::stop_token stop) {
  std::move_only_function<bool()> withdraw = [this] { return leave_list(); };
  Until until(deadline, std::move(stop));
  const WaitEnd end = co_await wait_until(timers, std::move(until), std::move(withdraw));
  co_return end == WaitEnd::kNotified;
}

}  // namespace cachey::rt
