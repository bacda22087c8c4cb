#include "rt/single_flight.h"

#include <utility>

namespace cachey::rt {

/// A coroutine's place among those that wait.
class SingleFlight::Place : public Waiter {
 public:
  Place(Executor executor, SingleFlight& flight) : Waiter(std::move(executor)), flight_(flight) {}
  ~Place() { (void)flight_.take_off(*this); }

 private:
  SingleFlight& flight_;
};

bool SingleFlight::begin() {
  const MutexLock lock(mutex_);
  if (searching_) return false;
  searching_ = true;
  return true;
}

void SingleFlight::end() {
  const MutexLock lock(mutex_);
  searching_ = false;
  notify_all(waiting_);
}

Task<bool> SingleFlight::wait(Worker& worker, MonoTime deadline) {
  Place place(worker.executor(), *this);
  {
    const MutexLock lock(mutex_);
    if (!searching_) co_return true;
    waiting_.push_back(place);
  }
  std::move_only_function<bool()> take_off = [this, &place] { return this->take_off(place); };
  co_return co_await place.wait_until(worker.timers(), deadline, std::move(take_off));
}

bool SingleFlight::take_off(Waiter& waiter) {
  const MutexLock lock(mutex_);
  if (!waiter.is_linked()) return false;
  waiting_.erase(waiting_.iterator_to(waiter));
  return true;
}

}  // namespace cachey::rt
