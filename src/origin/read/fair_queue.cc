#include "origin/read/fair_queue.h"

#include <algorithm>

#include "base/check.h"

namespace cachey::origin {
namespace {

constexpr std::array kUrgencies = {Urgency::kSpeculation, Urgency::kDemand};
constexpr std::array kStages = {Stage::kFirst, Stage::kFurther};
constexpr std::array kAmongs = {FairQueue::Among::kAll, FairQueue::Among::kFurther};

}  // namespace

bool FairQueue::Kind::has(Choice choice) const {
  if (!of(choice.urgency, Stage::kFurther).empty()) return true;
  return choice.among == Among::kAll && !of(choice.urgency, Stage::kFirst).empty();
}

size_t FairQueue::count(Urgency urgency, Among among) const {
  const size_t further = arrived(urgency, Stage::kFurther).size();
  return among == Among::kFurther ? further : further + arrived(urgency, Stage::kFirst).size();
}

bool FairQueue::has_place(std::string_view kind) const {
  const auto found = kinds_.find(kind);
  const size_t waiting = found == kinds_.end() ? 0 : found->second.waiting;
  return waiting < kShare * (kQueuedMax - std::min(kQueuedMax, size()));
}

/// A kind earns no credit while its queue is empty.
FairQueue::Kind& FairQueue::kind_of(std::string_view name) {
  const auto found = kinds_.find(name);
  if (found != kinds_.end()) return found->second;
  const auto added = kinds_.try_emplace(std::string(name)).first;
  Kind& kind = added->second;
  kind.self = added;
  kind.used = std::max(now_, idle_.erase(name).value_or(0));
  return kind;
}

/// Call before demand joins or leaves.
void FairQueue::note_time(MonoTime now) {
  rate_.advance(now, has({Urgency::kDemand, Among::kAll}));
}

std::optional<std::chrono::nanoseconds> FairQueue::forecast(std::string_view name, MonoTime now) {
  const auto found = kinds_.find(name);
  if (found == kinds_.end()) return std::nullopt;
  const Kind& kind = found->second;
  const size_t own = kind.of(Urgency::kDemand, Stage::kFirst).size() +
                     kind.of(Urgency::kDemand, Stage::kFurther).size();
  if (own == 0) return std::nullopt;
  const auto demand = static_cast<size_t>(Urgency::kDemand);
  const size_t kinds = order_[demand][static_cast<size_t>(Among::kAll)].size();
  const size_t in_front = std::min(count(Urgency::kDemand, Among::kAll), kinds * own);
  note_time(now);
  return rate_.forecast(static_cast<double>(in_front + 1));
}

/// Call before the kind's charge or requests change, and join_order() after that.
void FairQueue::leave_order(Kind& kind) {
  for (const Urgency urgency : kUrgencies) {
    for (const Among among : kAmongs) {
      const auto [u, a] = std::pair(static_cast<size_t>(urgency), static_cast<size_t>(among));
      Place& place = kind.places[u][a];
      if (place.is_linked()) order_[u][a].erase(order_[u][a].iterator_to(place));
    }
  }
}

void FairQueue::join_order(Kind& kind) {
  for (const Urgency urgency : kUrgencies) {
    for (const Among among : kAmongs) {
      if (!kind.has({urgency, among})) continue;
      const auto [u, a] = std::pair(static_cast<size_t>(urgency), static_cast<size_t>(among));
      kind.places[u][a].kind = &kind;
      order_[u][a].insert(kind.places[u][a]);
    }
  }
}

/// REQUIRES: the kind has left the order.
void FairQueue::add(Kind& kind, QueuedRequest& request, Urgency urgency, MonoTime now) {
  request.urgency = urgency;
  request.came = now;
  kind.of(urgency, request.stage).push_back(request);
  arrived(urgency, request.stage).push_back(request);
  ++kind.waiting;
}

/// REQUIRES: the kind has left the order.
void FairQueue::take_out(Kind& kind, QueuedRequest& request) {
  Requests& requests = kind.of(request.urgency, request.stage);
  requests.erase(requests.iterator_to(request));
  ByArrival& arrivals = arrived(request.urgency, request.stage);
  arrivals.erase(arrivals.iterator_to(request));
  --kind.waiting;
}

/// Call after a request has left. When nothing waits, no kind has been charged more than another.
void FairQueue::forget_if_idle(Kind& kind) {
  if (kind.waiting != 0) return;
  if (kind.used > now_) idle_.set(kind.self->first, kind.used);
  kinds_.erase(kind.self);
  if (!empty()) return;
  idle_.clear();
  now_ = 0;
  oldest_next_ = false;
}

void FairQueue::push(QueuedRequest& request, MonoTime now) {
  note_time(now);
  Kind& kind = kind_of(request.kind);
  leave_order(kind);
  add(kind, request, request.priority.urgency(), now);
  join_order(kind);
}

void FairQueue::remove(QueuedRequest& request, MonoTime now) {
  note_time(now);
  Kind& kind = kind_of(request.kind);
  leave_order(kind);
  take_out(kind, request);
  join_order(kind);
  forget_if_idle(kind);
}

size_t FairQueue::promote_wanted(MonoTime now) {
  note_time(now);
  const size_t before = count(Urgency::kSpeculation, Among::kAll);
  for (const Stage stage : kStages) {
    ByArrival& speculation = arrived(Urgency::kSpeculation, stage);
    for (auto at = speculation.begin(); at != speculation.end();) {
      QueuedRequest& request = *at++;
      if (request.priority.urgency() != Urgency::kDemand) continue;
      Kind& kind = kind_of(request.kind);
      leave_order(kind);
      take_out(kind, request);
      add(kind, request, Urgency::kDemand, now);
      join_order(kind);
    }
  }
  return before - count(Urgency::kSpeculation, Among::kAll);
}

/// REQUIRES: kind.has(choice).
QueuedRequest& FairQueue::first_of(Kind& kind, Choice choice) {
  Requests& further = kind.of(choice.urgency, Stage::kFurther);
  return further.empty() ? kind.of(choice.urgency, Stage::kFirst).front() : further.front();
}

/// The oldest request of the choice, if that has waited for long; else null.
QueuedRequest* FairQueue::aged(Choice choice, MonoTime now) {
  QueuedRequest* oldest = nullptr;
  for (const Stage stage : kStages) {
    if (stage == Stage::kFirst && choice.among == Among::kFurther) continue;
    ByArrival& arrivals = arrived(choice.urgency, stage);
    if (arrivals.empty()) continue;
    QueuedRequest& first = arrivals.front();
    if (oldest == nullptr || first.came < oldest->came) oldest = &first;
  }
  return oldest != nullptr && now - oldest->came >= kAgedAfter ? oldest : nullptr;
}

QueuedRequest& FairQueue::front(Choice choice, MonoTime now) {
  CHECK(has(choice));
  QueuedRequest* const oldest = oldest_next_ ? aged(choice, now) : nullptr;
  if (oldest != nullptr) return *oldest;
  const Order& order =
      order_[static_cast<size_t>(choice.urgency)][static_cast<size_t>(choice.among)];
  return first_of(*order.begin()->kind, choice);
}

QueuedRequest& FairQueue::pop(Choice choice, double cost, MonoTime now) {
  QueuedRequest& request = front(choice, now);
  Kind& kind = kind_of(request.kind);
  const bool out_of_turn = oldest_next_ && aged(choice, now) == &request;
  if (!out_of_turn) now_ = std::max(now_, kind.used);
  oldest_next_ = !oldest_next_;
  note_time(now);
  if (request.waited && request.urgency == Urgency::kDemand) rate_.served(1);
  leave_order(kind);
  take_out(kind, request);
  kind.used += cost;
  join_order(kind);
  forget_if_idle(kind);
  return request;
}

void FairQueue::adjust_charge(std::string_view name, double cost) {
  const auto found = kinds_.find(name);
  if (found != kinds_.end()) {
    leave_order(found->second);
    found->second.used += cost;
    join_order(found->second);
  } else if (!empty()) {
    idle_.set(name, std::max(now_, idle_.erase(name).value_or(0)) + cost);
  }
}

}  // namespace cachey::origin
