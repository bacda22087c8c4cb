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

void FairQueue::push(Turn& turn) {
  Kind& kind = kind_of(turn.kind);
  // Who has waited for nothing has saved up nothing.
  if (kind.demand.empty() && kind.speculation.empty()) kind.used = std::max(kind.used, now_);
  turn.demand = turn.purpose.is_demand();
  (turn.demand ? kind.demand : kind.speculation).push_back(turn);
  ++(turn.demand ? demand_ : speculation_);
}

void FairQueue::remove(Turn& turn) {
  Kind& kind = kind_of(turn.kind);
  Turns& turns = turn.demand ? kind.demand : kind.speculation;
  turns.erase(turns.iterator_to(turn));
  --(turn.demand ? demand_ : speculation_);
}

size_t FairQueue::look_again() {
  const size_t before = speculation_;
  for (auto& [name, kind] : kinds_) {
    for (auto at = kind.speculation.begin(); at != kind.speculation.end();) {
      Turn& turn = *at++;
      if (!turn.purpose.is_demand()) continue;
      kind.speculation.erase(kind.speculation.iterator_to(turn));
      turn.demand = true;
      kind.demand.push_back(turn);
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
    if ((demand_ > 0 ? kind.demand : kind.speculation).empty()) continue;
    if (next == nullptr || kind.used < next->used) next = &kind;
  }
  return *next;
}

Turn& FairQueue::front() {
  Kind& kind = next_kind();
  return (demand_ > 0 ? kind.demand : kind.speculation).front();
}

Turn& FairQueue::pop(double cost) {
  Kind& kind = next_kind();
  Turn& turn = (demand_ > 0 ? kind.demand : kind.speculation).front();
  remove(turn);
  now_ = std::max(now_, kind.used);
  kind.used += cost;
  return turn;
}

void FairQueue::correct(std::string_view kind, double by) {
  const auto found = kinds_.find(kind);
  if (found != kinds_.end()) found->second.used += by;
}

}  // namespace cachey::origin
