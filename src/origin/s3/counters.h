#pragma once

#include <atomic>
#include <cstdint>

namespace cachey::origin {

/// What the S3 client has done since it started. Counted by the workers, read by whoever exports
/// it.
struct S3Counters {
  std::atomic<uint64_t> requests{0};        ///< sent, each attempt counts
  std::atomic<uint64_t> retries{0};         ///< attempts after the first of a get
  std::atomic<uint64_t> throttled{0};       ///< answers that asked for fewer requests
  std::atomic<uint64_t> bytes_received{0};  ///< heads, bodies and errors, after TLS
  std::atomic<uint64_t> connections_opened{0};
  std::atomic<uint64_t> connections_reused{0};  ///< requests that found an idle connection
  std::atomic<uint64_t> resends{0};             ///< of requests whose idle connection had died
  std::atomic<int64_t> connections_open{0};     ///< now, idle ones too
  std::atomic<uint64_t> tunnels_opened{0};      ///< connections through a proxy's CONNECT
  std::atomic<uint64_t> retries_refused{0};     ///< the retry tokens were used up
  std::atomic<uint64_t> region_redirects{0};    ///< gets sent on to the bucket's own region
  std::atomic<uint64_t> clock_corrections{0};   ///< signing times set by the store's clock
  std::atomic<uint64_t> checksum_failures{0};   ///< bodies that were not what the store announced
};

inline void count(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace cachey::origin
