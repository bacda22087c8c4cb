#include "origin/read/hung_requests.h"

#include <iterator>

namespace cachey::origin {

void HungRequests::add(HungRequest& request, const void* bucket, MonoTime silent_since,
                       uint64_t begun) {
  request.bucket_ = bucket;
  request.silent_since_ = silent_since;
  request.begun_ = begun;
  request.ended_ = false;
  waiting_.push_back(request);
}

void HungRequests::remove(HungRequest& request) {
  list_of(request).erase(List::s_iterator_to(request));
  request.ended_ = false;
}

void HungRequests::move_those_of(const void* bucket, HungRequests& to) {
  const auto move = [bucket](List& from, List& into) {
    for (auto at = from.begin(); at != from.end();) {
      const auto next = std::next(at);
      if (at->bucket_ == bucket) into.splice(into.end(), from, at);
      at = next;
    }
  };
  move(waiting_, to.waiting_);
  move(ending_, to.ending_);
}

void HungRequests::end_one(uint64_t newest_answered, MonoTime now) {
  if (waiting_.empty()) return;
  auto victim = waiting_.begin();
  const bool overtaken = victim->begun_ < newest_answered;
  if (!overtaken) {
    const size_t spared = size() / kSparedShare;
    if (waiting_.size() <= spared) return;
    std::advance(victim, spared);
    if (now - victim->silent_since_ < kPatience) return;
  }
  HungRequest& ended = *victim;
  ending_.splice(ending_.end(), waiting_, victim);
  ended.ended_ = true;
}

}  // namespace cachey::origin
