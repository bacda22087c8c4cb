#include "rt/queued_waiter.h"

#include <functional>

namespace cachey::rt {

Task<bool> QueuedWaiter::wait_in_list(TimerWheel& timers, MonoTime deadline, std::stop_token stop) {
  bool stopped = false;
  const auto stop_waiting = [this, &stopped] {
    if (!leave_list()) return;
    stopped = true;
    notify();
  };
  const std::stop_callback on_stop(std::move(stop), stop_waiting);
  std::move_only_function<bool()> withdraw = [this] { return leave_list(); };
  const bool in_time = co_await wait_until(timers, deadline, std::move(withdraw));
  co_return in_time && !stopped;
}

}  // namespace cachey::rt
