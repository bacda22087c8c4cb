#include "origin/read/fair_queue.h"

#include <algorithm>

#include "base/check.h"

namespace cachey::origin {

FairQueue::Kind& FairQueue::kind_of(std::string_view name) {
  const auto found = kinds_.find(name);
  if (found != kinds_.end()) return found->second;
  if (kinds_.size() >= kKindsMax) {
    std::erase_if(kinds_, [](const auto& entry) {
      return entry.second.demand.empty() && entry.second.speculation.empty();
    });
  }
  return kinds_[std::string(name)];
}

void FairQueue::push(QueuedRequest& request) {
  Kind& kind = kind_of(request.kind);
  // A kind earns no credit while its queue is empty.
  if (kind.demand.empty() && kind.speculation.empty()) kind.used = std::max(kind.used, now_);
  request.urgency = request.priority.urgency();
  kind.of(request.urgency).push_back(request);
  ++count_of(request.urgency);
}

void FairQueue::remove(QueuedRequest& request) {
  Requests& requests = kind_of(request.kind).of(request.urgency);
  requests.erase(requests.iterator_to(request));
  --count_of(request.urgency);
}

size_t FairQueue::promote_wanted() {
  const size_t before = speculation_;
  for (auto& [name, kind] : kinds_) {
    for (auto at = kind.speculation.begin(); at != kind.speculation.end();) {
      QueuedRequest& request = *at++;
      if (request.priority.urgency() != Urgency::kDemand) continue;
      kind.speculation.erase(kind.speculation.iterator_to(request));
      request.urgency = Urgency::kDemand;
      kind.demand.push_back(request);
      --speculation_;
      ++demand_;
    }
  }
  return before - speculation_;
}

FairQueue::Kind& FairQueue::next_kind() {
  CHECK(!empty());
  Kind* next = nullptr;
  for (auto& [name, kind] : kinds_) {
    if (kind.of(next_urgency()).empty()) continue;
    if (next == nullptr || kind.used < next->used) next = &kind;
  }
  return *next;
}

QueuedRequest& FairQueue::front() { return next_kind().of(next_urgency()).front(); }

QueuedRequest& FairQueue::pop(double cost) {
  Kind& kind = next_kind();
  QueuedRequest& request = kind.of(next_urgency()).front();
  remove(request);
  now_ = std::max(now_, kind.used);
  kind.used += cost;
  return request;
}

void FairQueue::adjust_charge(std::string_view kind, double cost) {
  const auto found = kinds_.find(kind);
  if (found != kinds_.end()) found->second.used += cost;
}

}  // namespace cachey::origin
