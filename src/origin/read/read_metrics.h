#pragma once

#include "base/metrics.h"

namespace cachey::origin {

/// Counts what ObjectReads did beyond plain requests. Outlives all reads. Any thread.
struct ReadMetrics {
  explicit ReadMetrics(Metrics& metrics)
      : hedges_issued(metrics.counter("cachey_hedges_issued_total",
                                      "Second requests sent beside a late or stopped one")),
        hedges_won(metrics.counter("cachey_hedges_won_total", "Second requests that delivered")),
        hedges_denied(metrics.counter("cachey_hedges_denied_total",
                                      "Second requests that the budget did not allow")),
        wasted_bytes(metrics.counter("cachey_hedge_wasted_bytes_total",
                                     "Body bytes that came in for requests that lost")),
        resumes(metrics.counter("cachey_resumes_total",
                                "Bodies that broke off and were taken up at the next byte")),
        too_slow(metrics.counter("cachey_bodies_too_slow_total",
                                 "Bodies given up: too slow, and nobody waited for them")),
        refused(metrics.counter("cachey_bucket_refused_total",
                                "Turns that a bucket did not get because its breaker was open")) {}

  const Counter hedges_issued;
  const Counter hedges_won;
  const Counter hedges_denied;
  const Counter wasted_bytes;
  const Counter resumes;
  const Counter too_slow;
  const Counter refused;
};

}  // namespace cachey::origin
