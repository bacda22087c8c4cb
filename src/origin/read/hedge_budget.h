#pragma once

#include <algorithm>
#include <cstdint>

namespace cachey::origin {

enum class HedgeResult : uint8_t { kWon, kLost };

/// How many requests may be sent twice. Every answered request earns a share of a hedge; a hedge
/// costs one, and twice as much again for each that was lost since the last that won: where second
/// requests are no faster than first ones the store is slow, not unlucky, and is left alone. So
/// hedges are never more than kShare of all answers, and of a burst that is late as a whole no more
/// than four. Not synchronized.
class HedgeBudget {
 public:
  static constexpr double kShare = 0.05;
  static constexpr double kSavedMax = 16;  ///< hedges that can be saved up
  static constexpr double kPriceMax = 16;  ///< of one hedge, after four lost ones

  void earn() { saved_ = std::min(saved_ + kShare, kSavedMax); }

  /// False: there is not enough for a hedge.
  [[nodiscard]] bool spend() {
    if (saved_ < price_) return false;
    saved_ -= price_;
    return true;
  }

  void ended(HedgeResult result) {
    price_ = result == HedgeResult::kWon ? 1 : std::min(2 * price_, kPriceMax);
  }

 private:
  double saved_ = 0;
  double price_ = 1;
};

}  // namespace cachey::origin
