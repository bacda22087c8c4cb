#include "rt/wakeup.h"

#include <utility>

namespace cachey::rt {

Task<void> Wakeup::wait() {
  if (std::exchange(pending_, false)) co_return;
  Waiter waiter(worker_.executor());
  waiter_ = &waiter;
  co_await waiter.wait();
}

Task<void> Wakeup::wait_until(MonoTime deadline) {
  if (std::exchange(pending_, false)) co_return;
  Waiter waiter(worker_.executor());
  waiter_ = &waiter;
  std::move_only_function<bool()> leave_list = [this] {
    return std::exchange(waiter_, nullptr) != nullptr;
  };
  (void)co_await waiter.wait_until(worker_.timers(), deadline, std::move(leave_list));
}

Task<bool> sleep(Worker& worker, std::chrono::nanoseconds delay, std::stop_token stop) {
  const MonoTime until = worker.timers().now() + delay;
  Wakeup wakeup(worker);
  const auto wake = [&wakeup] { wakeup.notify(); };
  const std::stop_callback on_stop(stop, wake);
  while (!stop.stop_requested() && worker.timers().now() < until) co_await wakeup.wait_until(until);
  co_return !stop.stop_requested();
}

}  // namespace cachey::rt
