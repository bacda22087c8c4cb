#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <utility>

#include "rt/io.h"
#include "rt/timer_wheel.h"

namespace cachey::rt {

/// When a wait ends although its event has not come.
struct Until {
  MonoTime deadline = MonoTime::max();  ///< max: none
  std::stop_token stop;                 ///< requested on the waiting worker's thread
};

/// How a wait has ended.
enum class WaitEnd : uint8_t { kNotified, kTimeout, kStopped };

/// One coroutine that waits for an event of any thread. The waiter is in the coroutine's frame, and
/// in a list of the awaited object, which the object's mutex guards:
///
///   Waiter waiter(executor);
///   { MutexLock lock(mutex_); if (ready_) co_return; waiters_.push_back(waiter); }
///   co_await waiter.wait();
///
/// The notifying thread takes the waiter off the list, under the mutex, and calls notify() once. If
/// notify() comes before wait(), the wait does not suspend. The notifying thread must not touch the
/// waiter after notify(), because the coroutine's frame may be gone.
class Waiter : public boost::intrusive::list_base_hook<> {
 public:
  explicit Waiter(Executor executor) : executor_(std::move(executor)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// Any thread, at most once.
  void notify();

  /// The executor's thread, at most once.
  [[nodiscard]] Task<void> wait();

  /// As wait(), but gives up as `until` says. `leave_list` must take this waiter off its list,
  /// under the list's mutex, and return whether the waiter was in the list. If it was not, a
  /// notify() is on its way, and the wait goes on until then. is_linked() does not tell whether the
  /// waiter is in the list, if the notifying thread moves waiters to a list of its own.
  [[nodiscard]] Task<WaitEnd> wait_until(TimerWheel& timers, Until until,
                                         std::move_only_function<bool()> leave_list);
  /// Without a stop. False: the deadline passed.
  [[nodiscard]] Task<bool> wait_until(TimerWheel& timers, MonoTime deadline,
                                      std::move_only_function<bool()> leave_list);

 private:
  enum class State : int { kIdle, kWaiting, kNotified };

  const Executor executor_;
  std::atomic<State> state_{State::kIdle};
  std::move_only_function<void()>
      resume_;  // set before kWaiting, taken by the call that ends the wait
};

using WaiterList = boost::intrusive::list<Waiter>;

/// Takes the first waiter off the list and notifies it. Does nothing if the list is empty. The
/// caller holds the list's mutex, or owns the list.
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
