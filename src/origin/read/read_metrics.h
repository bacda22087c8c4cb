#pragma once

#include "base/metrics.h"

namespace cachey::origin {

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
  const Counter refused;
};

}  // namespace cachey::origin
