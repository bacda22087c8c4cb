#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <functional>
#include <utility>

#include "rt/io.h"
#include "rt/timer_wheel.h"

namespace cachey::rt {

/// One coroutine that waits for an event which any thread may bring about. It lives in the waiting
/// coroutine's frame and stands in a list that belongs to the awaited object, under that object's
/// mutex:
///
///   Waiter waiter(executor);
///   { MutexLock lock(mutex_); if (ready_) co_return; waiters_.push_back(waiter); }
///   co_await waiter.wait();
///
/// Whoever brings the event about takes the waiter off the list under the mutex and calls notify()
/// once. notify() may come before wait(): the wait then does not suspend. After notify() the
/// notifier must not touch the waiter again, for its frame may be gone.
class Waiter : public boost::intrusive::list_base_hook<> {
 public:
  explicit Waiter(Executor executor) : executor_(std::move(executor)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// Any thread, at most once.
  void notify();

  /// The executor's thread, at most once.
  [[nodiscard]] Task<void> wait();

  /// As wait(), but gives up at `deadline`. `leave_list` must take this waiter off its list, under
  /// the list's mutex, and say whether it stood there; where it did not, a notify() is on its way
  /// and is awaited. False: given up.
  [[nodiscard]] Task<bool> wait_until(TimerWheel& timers, MonoTime deadline,
                                      std::move_only_function<bool()> leave_list);

 private:
  enum class State : int { kIdle, kWaiting, kNotified };

  const Executor executor_;
  std::atomic<State> state_{State::kIdle};
  std::move_only_function<void()>
      resume_;  // set before kWaiting, taken by the one who ends the wait
};

using WaiterList = boost::intrusive::list<Waiter>;

/// Takes the first waiter, which waits longest, off the list and notifies it. Does nothing if the
/// list is empty.
inline void notify_first(WaiterList& waiters) {
  if (waiters.empty()) return;
  Waiter& first = waiters.front();
  waiters.pop_front();
  first.notify();
}

/// Takes all waiters off the list and notifies them in its order.
inline void notify_all(WaiterList& waiters) {
  while (!waiters.empty()) notify_first(waiters);
}

}  // namespace cachey::rt
