#include "api/s3/forward_places.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace cachey::api::s3 {

/// A question that waits. The destructor takes it off the list, or gives back a place that was not
/// taken over.
class ForwardPlaces::Waiting : public rt::Waiter {
 public:
  Waiting(rt::Executor executor, ForwardPlaces& places)
      : Waiter(std::move(executor)), places_(places) {}
  ~Waiting() {
    if (!entered) return;
    const bool had_place = !places_.leave(*this);
    if (had_place) places_.release(client);
  }

  Clients::iterator client{};
  bool entered = false;  // the list, or has the place that it waited for

 private:
  ForwardPlaces& places_;
};

ForwardPlaces::ForwardPlaces(ForwardLimits limits, const Clock& clock, Metrics& metrics)
    : limits_(limits),
      clock_(clock),
      refused_(metrics.counter("cachey_s3api_forwards_refused_total",
                               "Questions for the store that found no place in time")) {
  metrics.read_gauge("cachey_s3api_forwards",
                     "Requests to the S3 endpoint that the store answers now",
                     [this] { return static_cast<double>(taken()); });
  metrics.read_gauge("cachey_s3api_forwards_waiting",
                     "Requests to the S3 endpoint that wait for a place to ask the store",
                     [this] { return static_cast<double>(waiting()); });
}

size_t ForwardPlaces::taken() const {
  const MutexLock lock(mutex_);
  return taken_;
}

size_t ForwardPlaces::waiting() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

rt::Task<Result<ForwardPlaces::Place>> ForwardPlaces::enter(rt::Worker& worker, std::string account,
                                                            std::stop_token stop) {
  Waiting waiting(worker.executor(), *this);
  Joined joined = Joined::kTooMany;
  {
    const MutexLock lock(mutex_);
    const auto client = clients_.try_emplace(std::move(account)).first;
    joined = join(client, waiting);
    if (joined == Joined::kEntered) co_return Place(*this, client);
    if (joined == Joined::kTooMany) forget_if_idle(client);
  }
  if (joined == Joined::kTooMany) {
    refused_.add();
    co_return fail(ErrorKind::kOverloaded, "too many questions for the store wait already");
  }
  const rt::Until until{clock_.mono() + limits_.wait, std::move(stop)};
  std::move_only_function<bool()> leave_list = [this, &waiting] { return leave(waiting); };
  const rt::WaitEnd end =
      co_await waiting.wait_until(worker.timers(), until, std::move(leave_list));
  if (end == rt::WaitEnd::kNotified) {
    waiting.entered = false;  // the place takes over
    co_return Place(*this, waiting.client);
  }
  if (end == rt::WaitEnd::kStopped) co_return fail(ErrorKind::kCancelled, "the client left");
  refused_.add();
  co_return fail(ErrorKind::kOverloaded, "no place to ask the store came free in time");
}

/// A question that waits does so behind those of its client.
ForwardPlaces::Joined ForwardPlaces::join(Clients::iterator client, Waiting& waiting) {
  Client& state = client->second;
  if (state.waiting == 0 && state.places < free()) {
    ++state.places;
    ++taken_;
    return Joined::kEntered;
  }
  if (state.waiting >= limits_.waiting - waiting_.size()) return Joined::kTooMany;
  ++state.waiting;
  waiting.client = client;
  waiting.entered = true;
  waiting_.push_back(waiting);
  return Joined::kWaits;
}

/// Gives free places to those that wait.
void ForwardPlaces::admit() {
  for (;;) {
    Waiting* next = nullptr;
    for (rt::Waiter& waiter : waiting_) {
      auto& waiting = static_cast<Waiting&>(waiter);
      const size_t places = waiting.client->second.places;
      if (places >= free()) continue;
      if (next == nullptr || places < next->client->second.places) next = &waiting;
    }
    if (next == nullptr) return;
    waiting_.erase(rt::WaiterList::s_iterator_to(*next));
    Client& state = next->client->second;
    --state.waiting;
    ++state.places;
    ++taken_;
    next->notify();
  }
}

void ForwardPlaces::forget_if_idle(Clients::iterator client) {
  if (client->second.places == 0 && client->second.waiting == 0) clients_.erase(client);
}

/// False: the question was not in the list.
bool ForwardPlaces::leave(Waiting& waiting) {
  const MutexLock lock(mutex_);
  if (!waiting.is_linked()) return false;
  waiting_.erase(rt::WaiterList::s_iterator_to(waiting));
  --waiting.client->second.waiting;
  forget_if_idle(waiting.client);
  waiting.entered = false;
  return true;
}

void ForwardPlaces::release(Clients::iterator client) {
  const MutexLock lock(mutex_);
  --client->second.places;
  --taken_;
  admit();
  forget_if_idle(client);
}

}  // namespace cachey::api::s3
