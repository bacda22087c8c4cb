#pragma once

#include <array>
#include <string_view>

#include "base/metrics.h"
#include "base/per_label.h"
#include "origin/read/hedge_budget.h"
#include "origin/read/hedge_race.h"

namespace cachey::origin {

/// The bucket that a hedge went to: that of the late request, or another one.
enum class HedgeTarget : uint8_t { kPrimary, kPeer };

/// `cachey_hedges_total`: how hedges ended. The first kPairsMax pairs of kind and bucket have
/// series of their own; all others share `other`. Any thread.
class HedgeCounts {
 public:
  static constexpr size_t kPairsMax = 100;
  explicit HedgeCounts(Metrics& metrics);

  /// `bucket`: that of the late request.
  void count(std::string_view kind, std::string_view bucket, HedgePhase phase, HedgeTarget target,
             HedgeResult result);

 private:
  using Counts = std::array<Counter, 8>;  // by phase, target and result
  PerLabel<Counts> pairs_;
};

/// Counts what ObjectReads did beyond plain requests. Outlives all reads. Any thread.
struct ReadMetrics {
  explicit ReadMetrics(Metrics& metrics)
      : hedges{metrics.counter("cachey_hedges_issued_total",
                               "Second requests sent beside a late one or a late body"),
               metrics.counter("cachey_hedges_won_total", "Such requests that delivered"),
               metrics.counter("cachey_hedges_denied_total",
                               "Such requests that the budget or the gate did not allow")},
        rescues{metrics.counter("cachey_rescues_issued_total",
                                "Second requests sent beside one that hangs or a body that is too "
                                "slow"),
                metrics.counter("cachey_rescues_won_total", "Such requests that delivered"),
                metrics.counter("cachey_rescues_denied_total",
                                "Such requests that the budget or the gate did not allow")},
        wasted_bytes(metrics.counter("cachey_hedge_wasted_bytes_total",
                                     "Body bytes that came in for requests that lost")),
        resumes(metrics.counter("cachey_resumes_total",
                                "Bodies that broke off and were taken up at the next byte")),
        too_slow(metrics.counter("cachey_bodies_too_slow_total",
                                 "Bodies given up: too slow, and nobody waited for them")),
        hedges_ended(metrics),
        refused(metrics.counter("cachey_bucket_refused_total",
                                "Turns that a bucket did not get because its breaker was open")) {}

  /// Second requests of one purpose.
  struct Seconds {
    Counter issued;
    Counter won;
    Counter denied;

    void count_sent(bool sent) const { (sent ? issued : denied).add(); }
  };
  const Seconds hedges;
  const Seconds rescues;
  const Counter wasted_bytes;
  const Counter resumes;
  const Counter too_slow;
  HedgeCounts hedges_ended;
  const Counter refused;
};

}  // namespace cachey::origin
