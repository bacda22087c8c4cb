#include "origin/read/fair_queue.h"

#include <algorithm>

#include "base/check.h"

namespace cachey::origin {

bool FairQueue::Kind::has(Choice choice) const {
  if (!of(choice.urgency, Stage::kFurther).empty()) return true;
  return choice.among == Among::kAll && !of(choice.urgency, Stage::kFirst).empty();
}

bool FairQueue::Kind::empty() const {
  return !has({Urgency::kDemand, Among::kAll}) && !has({Urgency::kSpeculation, Among::kAll});
}

size_t FairQueue::count(Urgency urgency, Among among) const {
  const ByStage<size_t>& counts = counts_[static_cast<size_t>(urgency)];
  const size_t further = counts[static_cast<size_t>(Stage::kFurther)];
  return among == Among::kFurther ? further : further + counts[static_cast<size_t>(Stage::kFirst)];
}

FairQueue::Kind& FairQueue::kind_of(std::string_view name) {
  const auto found = kinds_.find(name);
  if (found != kinds_.end()) return found->second;
  if (kinds_.size() >= kKindsMax) {
    std::erase_if(kinds_, [](const auto& entry) { return entry.second.empty(); });
  }
  return kinds_[std::string(name)];
}

void FairQueue::push(QueuedRequest& request) {
  Kind& kind = kind_of(request.kind);
  // A kind earns no credit while its queue is empty.
  if (kind.empty()) kind.used = std::max(kind.used, now_);
  request.urgency = request.priority.urgency();
  kind.of(request.urgency, request.stage).push_back(request);
  ++count_of(request);
}

void FairQueue::remove(QueuedRequest& request) {
  Requests& requests = kind_of(request.kind).of(request.urgency, request.stage);
  requests.erase(requests.iterator_to(request));
  --count_of(request);
}

size_t FairQueue::promote_wanted() {
  const size_t before = count(Urgency::kSpeculation, Among::kAll);
  for (auto& [name, kind] : kinds_) {
    for (const Stage stage : {Stage::kFirst, Stage::kFurther}) {
      Requests& speculation = kind.of(Urgency::kSpeculation, stage);
      for (auto at = speculation.begin(); at != speculation.end();) {
        QueuedRequest& request = *at++;
        if (request.priority.urgency() != Urgency::kDemand) continue;
        speculation.erase(speculation.iterator_to(request));
        --count_of(request);
        request.urgency = Urgency::kDemand;
        kind.of(Urgency::kDemand, stage).push_back(request);
        ++count_of(request);
      }
    }
  }
  return before - count(Urgency::kSpeculation, Among::kAll);
}

FairQueue::Kind& FairQueue::next_kind(Choice choice) {
  CHECK(has(choice));
  Kind* next = nullptr;
  for (auto& [name, kind] : kinds_) {
    if (!kind.has(choice)) continue;
    if (next == nullptr || kind.used < next->used) next = &kind;
  }
  return *next;
}

/// REQUIRES: kind.has(choice).
QueuedRequest& FairQueue::first_of(Kind& kind, Choice choice) {
  Requests& further = kind.of(choice.urgency, Stage::kFurther);
  return further.empty() ? kind.of(choice.urgency, Stage::kFirst).front() : further.front();
}

QueuedRequest& FairQueue::pop(Choice choice, double cost) {
  Kind& kind = next_kind(choice);
  QueuedRequest& request = first_of(kind, choice);
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
