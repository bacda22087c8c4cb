#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/metrics.h"
#include "base/per_label.h"
#include "base/throughput.h"

namespace cachey::cache {

/// The cache's counters of one kind. Holds handles, so that counting needs no look-up.
struct KindMetrics {
  Counter access;              ///< pages asked for
  Counter download;            ///< pages fetched whole from the origin
  Counter client_pref;         ///< fills that tried the client's first bucket first
  Counter fallback;            ///< fills whose first answer came from the second bucket
  Counter hedged;              ///< fills of which a hedge delivered a part or all
  Counter success;             ///< pages asked for that were readable
  Counter cache_hit;           ///< ... that were whole, in memory or on disk
  Counter cache_hit_memory;    ///< whole pages with the first byte in memory
  Counter cache_hit_disk;      ///< whole pages with the first byte on disk
  Counter coalesced;           ///< pages that another request's fill was fetching
  Histogram download_latency;  ///< nanoseconds from the fill's start to its end
};

/// The counters of warm requests (see Warms).
struct WarmMetrics {
  enum class End : uint8_t { kSuccess, kShed, kNoRoom, kTimeout, kNotCached, kClientGone, kFailed };
  static constexpr size_t kEnds = 7;
  explicit WarmMetrics(Metrics& metrics);
  const std::array<Counter, kEnds> requests;  ///< by End
  const Counter pages;                        ///< fills begun for them
  const Counter bytes;                        ///< of pages that such a fill brought whole
  std::atomic<int64_t> unread_bytes{0};       ///< of warm pages that only memory has, not read yet
  std::atomic<int64_t> pages_under_way{0};
};

/// The cache's metrics. Outlives the cache. Any thread.
class CacheMetrics {
 public:
  CacheMetrics(Metrics& metrics, size_t kinds_max);

  [[nodiscard]] KindMetrics& of(std::string_view kind) { return kinds_.of(kind); }

  /// Sums over all kinds.
  struct Totals {
    uint64_t accesses = 0;
    uint64_t hits = 0;
    uint64_t memory_hits = 0;
    uint64_t disk_hits = 0;
    uint64_t coalesced = 0;
  };
  [[nodiscard]] Totals totals() const;

  Throughput ingress;  ///< page bytes that came in
  std::atomic<int64_t> fills_in_flight{0};
  const Counter fills_failed;
  const Counter absence_hits;
  const Counter read_ahead_pages;  ///< fills started ahead of a client that reads page after page
  WarmMetrics warm;

 private:
  PerLabel<KindMetrics> kinds_;
};

}  // namespace cachey::cache
