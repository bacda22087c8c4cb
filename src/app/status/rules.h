#pragma once

#include <chrono>
#include <span>
#include <string>

#include "app/status/bucket_table.h"
#include "app/status/facts.h"
#include "app/status/finding.h"
#include "app/status/history.h"

namespace cachey::app {

/// What the rules look at.
struct Scene {
  const Facts& facts;
  const History& history;               ///< has the facts' row
  std::span<const BucketView> buckets;  ///< has the facts' buckets
};

/// What a rule says about this second.
struct Judgement {
  bool holds = false;
  FindingLevel level = FindingLevel::kWarn;
  std::string text{};  ///< if it holds
};

/// A rule decides about one code. A pure function, so that tests need no clock. `began`: the
/// finding holds already, so that the rule uses its lower threshold (hysteresis).
struct Rule {
  FindingCode code;
  Judgement (*judge)(const Scene& scene, bool began);
  /// A finding ends when its rule has not held for this long.
  std::chrono::seconds hold;
};
/// A rule for each code, in the codes' order.
[[nodiscard]] std::span<const Rule, kFindingCodes> rules();

/// Rules look at this many seconds; those of refusals at some more if requests are few.
inline constexpr size_t kRuleSeconds = 10;

}  // namespace cachey::app
