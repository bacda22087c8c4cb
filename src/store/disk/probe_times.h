#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"

namespace cachey::store {

/// When to probe a thing that is out of use: after `first`, then at intervals that double up to
/// `longest`. If the thing goes out again within `steady_after` of its return, the intervals go on
/// growing from the last one. Not synchronized.
class ProbeTimes {
 public:
  struct Limits {
    std::chrono::seconds first;
    std::chrono::seconds longest;
    std::chrono::seconds steady_after;
  };

  explicit constexpr ProbeTimes(const Limits& limits) : limits_(limits), interval_(limits.first) {}

  /// When the next probe is due. REQUIRES: out of use.
  [[nodiscard]] MonoTime next() const { return next_; }

  void went_out(MonoTime now) {
    const bool flaps = returned_ && now - *returned_ < limits_.steady_after;
    interval_ = flaps ? longer() : limits_.first;
    next_ = now + interval_;
  }
  void probe_failed(MonoTime now) {
    interval_ = longer();
    next_ = now + interval_;
  }
  void returned(MonoTime now) { returned_ = now; }

 private:
  [[nodiscard]] std::chrono::seconds longer() const {
    return std::min(interval_ * 2, limits_.longest);
  }

  Limits limits_;
  std::chrono::seconds interval_;
  MonoTime next_{};
  std::optional<MonoTime> returned_;
};

}  // namespace cachey::store
