#include "rt/queued_waiter.h"

#include <functional>

namespace cachey::rt {

Task<bool> QueuedWaiter::wait_in_list(TimerWheel& timers, MonoTime deadline, std::stop_token stop) {
  bool stopped = false;
  const auto leave = [this, &stopped] {
    if (!take_off()) return;
    stopped = true;
    notify();
  };
  const std::stop_callback on_stop(std::move(stop), leave);
  std::move_only_function<bool()> off = [this] { return take_off(); };
  const bool in_time = co_await wait_until(timers, deadline, std::move(off));
  co_return in_time && !stopped;
}

}  // namespace cachey::rt
