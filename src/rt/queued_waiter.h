#pragma once

#include <stop_token>
#include <utility>

#include "rt/waiter.h"

namespace cachey::rt {

/// A waiter in a list that only its worker's thread uses. The destructor takes the waiter off the
/// list, so that a waiting coroutine may be destroyed. `list` must outlive the waiter.
class QueuedWaiter : public Waiter {
 public:
  QueuedWaiter(Executor executor, WaiterList& list) : Waiter(std::move(executor)), list_(list) {}
  ~QueuedWaiter() { leave_list(); }

  void enqueue() { list_.push_back(*this); }
  void enqueue_first() { list_.push_front(*this); }

  /// False: the waiter was not in the list: notified already, or not queued yet.
  bool leave_list() {
    if (!is_linked()) return false;
    list_.erase(list_.iterator_to(*this));
    return true;
  }

  /// Waits until notify(), `deadline` or `stop`, which must be requested on the worker's thread.
  /// False: the deadline or `stop` came first.
  [[nodiscard]] Task<bool> wait_in_list(TimerWheel& timers, MonoTime deadline,
                                        std::stop_token stop);

 private:
  WaiterList& list_;
};

}  // namespace cachey::rt
