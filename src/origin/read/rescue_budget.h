#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace cachey::origin {

/// Limits how many hung requests get a second one: a token bucket (J. Turner: New directions in
/// communications, 1986) of kSavedMax that gains kPerSecond. A rescue that another bucket answered
/// gives its price back: the silent bucket got no second request. Apart from HedgeBudget, because
/// early hedges that lose say nothing of a request that hangs. Not synchronized.
class RescueBudget {
 public:
  static constexpr double kPerSecond = 1;
  static constexpr double kSavedMax = 16;
  /// A request that got no rescue tries again after this time.
  static constexpr std::chrono::milliseconds kTryAgainAfter{250};

  explicit RescueBudget(MonoTime now) : at_(now) {}

  /// Pays for one rescue. False: the budget is too small.
  [[nodiscard]] bool spend(MonoTime now) {
    const std::chrono::duration<double> since = now - at_;
    saved_ = std::min(kSavedMax, saved_ + kPerSecond * since.count());
    at_ = now;
    if (saved_ < 1) return false;
    saved_ -= 1;
    return true;
  }
  void give_back() { saved_ = std::min(kSavedMax, saved_ + 1); }

 private:
  double saved_ = kSavedMax;
  MonoTime at_;
};

}  // namespace cachey::origin
