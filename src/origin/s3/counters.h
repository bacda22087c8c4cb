#pragma once

#include <atomic>
#include <cstdint>

#include "origin/s3/bucket_attempts.h"
#include "origin/s3/key_refusals.h"
#include "origin/transport/transport_counters.h"

namespace cachey {
class Metrics;
}

namespace cachey::origin {

/// Counts of the S3 client since it started. Any thread.
struct S3Counters : TransportCounters {
  std::atomic<uint64_t> requests{0};          ///< sent; each attempt counts
  std::atomic<uint64_t> retries{0};           ///< attempts after the first of a get
  std::atomic<uint64_t> throttled{0};         ///< answers that asked for fewer requests
  std::atomic<uint64_t> resends{0};           ///< requests sent again: the idle connection had died
  std::atomic<uint64_t> retries_refused{0};   ///< retries without a token
  std::atomic<uint64_t> region_redirects{0};  ///< gets that moved to the bucket's own region
  std::atomic<uint64_t> clock_corrections{0};    ///< corrections of the signing time
  std::atomic<uint64_t> credentials_refused{0};  ///< answers that refused all credentials there are
  std::atomic<uint64_t> checksum_failures{0};    ///< bodies with another sum than announced
  BucketAttempts attempts;
  KeyRefusals key_refusals;
};

/// Adds the metrics `cachey_origin_*` that read `counters`. `counters` must outlive every
/// read of `metrics`.
void add_metrics(Metrics& metrics, const S3Counters& counters);

}  // namespace cachey::origin
