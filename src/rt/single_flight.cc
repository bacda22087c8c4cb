#include "rt/single_flight.h"

#include <utility>

namespace cachey::rt {

/// A waiter that the destructor takes off the list.
class SingleFlight::Place : public Waiter {
 public:
  Place(Executor executor, SingleFlight& flight) : Waiter(std::move(executor)), flight_(flight) {}
  ~Place() { (void)flight_.remove(*this); }

 private:
  SingleFlight& flight_;
};

bool SingleFlight::begin() {
  const MutexLock lock(mutex_);
  if (busy_) return false;
  busy_ = true;
  return true;
}

void SingleFlight::end() {
  const MutexLock lock(mutex_);
  busy_ = false;
  notify_all(waiting_);
}

Task<bool> SingleFlight::wait(Worker& worker, MonoTime deadline) {
  Place place(worker.executor(), *this);
  {
    const MutexLock lock(mutex_);
    if (!busy_) co_return true;
    waiting_.push_back(place);
  }
  std::move_only_function<bool()> leave_list = [this, &place] { return remove(place); };
  co_return co_await place.wait_until(worker.timers(), deadline, std::move(leave_list));
}

bool SingleFlight::remove(Waiter& waiter) {
  const MutexLock lock(mutex_);
  if (!waiter.is_linked()) return false;
  waiting_.erase(waiting_.iterator_to(waiter));
  return true;
}

}  // namespace cachey::rt
