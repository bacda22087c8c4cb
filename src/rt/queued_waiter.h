#pragma once

#include <stop_token>
#include <utility>

#include "rt/waiter.h"

namespace cachey::rt {

/// A waiter in a list of its own worker's. Takes itself off when it ends, so that a coroutine may
/// be destroyed while it waits. `list` must outlive it.
class QueuedWaiter : public Waiter {
 public:
  QueuedWaiter(Executor executor, WaiterList& list) : Waiter(std::move(executor)), list_(list) {}
  ~QueuedWaiter() { leave_list(); }

  void enqueue() { list_.push_back(*this); }
  void enqueue_first() { list_.push_front(*this); }

  /// False: it did not stand there, so that it has been notified.
  bool leave_list() {
    if (!is_linked()) return false;
    list_.erase(list_.iterator_to(*this));
    return true;
  }

  /// Until notified, `deadline`, or `stop`, which is requested on the worker's thread. False:
  /// nobody notified it.
  [[nodiscard]] Task<bool> wait_in_list(TimerWheel& timers, MonoTime deadline,
                                        std::stop_token stop);

 private:
  WaiterList& list_;
};

}  // namespace cachey::rt
