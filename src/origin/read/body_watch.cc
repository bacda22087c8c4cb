#include "origin/read/body_watch.h"

#include <algorithm>

namespace cachey::origin {

MonoTime BodyWatch::next_look(const Look& last, const Limits& limits) const {
  MonoTime next = std::min(slow_.end, unwanted_.end);
  next = std::min(next, std::max(hung_since_, last.last_arrival) + limits.hung);
  if (last.alone && limits.late)
    next = std::min(next, std::max(silent_since_, last.last_arrival) + *limits.late);
  return next;
}

BodyState BodyWatch::look(const Look& look, const Limits& limits) {
  const MonoTime now = look.now;
  if (now >= unwanted_.end) {
    const uint64_t came = unwanted_.came(look.arrived);
    unwanted_ = {now + kUnwantedWindow, look.arrived};
    const bool slow = came < kLeastRate * static_cast<uint64_t>(kUnwantedWindow.count());
    if (slow && !look.wanted) return BodyState::kUnwanted;
  }
  if (now >= slow_.end) {
    if (const std::optional<BodyState> state = end_slow_window(look)) return *state;
  }
  if (now >= std::max(hung_since_, look.last_arrival) + limits.hung) {
    silent_since_ = hung_since_ = now;
    return BodyState::kHung;
  }
  if (!look.alone || !limits.late) return BodyState::kFlows;
  if (now < std::max(silent_since_, look.last_arrival) + *limits.late) return BodyState::kFlows;
  silent_since_ = now;
  return BodyState::kLate;
}

std::optional<BodyState> BodyWatch::end_slow_window(const Look& look) {
  const uint64_t came = slow_.came(look.arrived);
  slow_.arrived = look.arrived;
  const auto seconds = static_cast<uint64_t>(slow_length_.count());
  const bool silent = came == 0;  // this is kHung's
  const bool slow = look.wanted && !silent && came < kLeastRate * seconds;
  const bool hopeless = slow && slow_length_ == kSlowWindowMax && came < kLastRate * seconds;
  if (slow) {
    slow_length_ = std::min(2 * slow_length_, kSlowWindowMax);
  } else if (!silent) {
    slow_length_ = kSlowWindow;
  }
  slow_.end = look.now + slow_length_;
  if (hopeless) return BodyState::kHopeless;
  return slow ? std::optional(BodyState::kSlow) : std::nullopt;
}

}  // namespace cachey::origin
