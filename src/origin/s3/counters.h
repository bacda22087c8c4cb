#pragma once

#include <atomic>
#include <cstdint>

#include "origin/transport/transport_counters.h"

namespace cachey {
class Metrics;
}

namespace cachey::origin {

/// What the S3 client has done since it started. Counted by the workers, read by whoever exports
/// it.
struct S3Counters : TransportCounters {
  std::atomic<uint64_t> requests{0};           ///< sent, each attempt counts
  std::atomic<uint64_t> retries{0};            ///< attempts after the first of a get
  std::atomic<uint64_t> throttled{0};          ///< answers that asked for fewer requests
  std::atomic<uint64_t> resends{0};            ///< of requests whose idle connection had died
  std::atomic<uint64_t> retries_refused{0};    ///< the retry tokens were used up
  std::atomic<uint64_t> region_redirects{0};   ///< gets sent on to the bucket's own region
  std::atomic<uint64_t> clock_corrections{0};  ///< signing times set by the store's clock
  std::atomic<uint64_t> checksum_failures{0};  ///< bodies that were not what the store announced
};

/// Adds `cachey_origin_connections`, `cachey_origin_requests_total` and their like to `metrics`.
/// `counters` outlives the collections.
void add_metrics(Metrics& metrics, const S3Counters& counters);

}  // namespace cachey::origin
