#pragma once

#include <algorithm>
#include <cstdint>

namespace cachey::origin {

enum class HedgeResult : uint8_t { kWon, kLost };

/// Limits how many requests are sent twice (hedged). Each good answer earns a share of a hedge. A
/// hedge costs 1; each lost one doubles the price (at most kPriceMax), a win resets it to 1,
/// because hedges that keep losing mean that the store is slow. So hedges are at most that share of
/// all answers, and at most four if all answers are late and the share is kShare. Not synchronized.
class HedgeBudget {
 public:
  static constexpr double kShare = 0.05;   ///< of --hedge-budget-percent's default
  static constexpr double kSavedMax = 16;  ///< hedges
  static constexpr double kPriceMax = 16;  ///< reached after four lost hedges

  /// `share`: from 0, for no hedges, to 1.
  explicit HedgeBudget(double share = kShare) : share_(share) {}

  void earn() { saved_ = std::min(saved_ + share_, kSavedMax); }

  /// Pays for one hedge. False: the budget is too small.
  [[nodiscard]] bool spend() {
    if (saved_ < price_) return false;
    saved_ -= price_;
    return true;
  }

  void ended(HedgeResult result) {
    price_ = result == HedgeResult::kWon ? 1 : std::min(2 * price_, kPriceMax);
  }

 private:
  double share_;
  double saved_ = 0;
  double price_ = 1;
};

}  // namespace cachey::origin
