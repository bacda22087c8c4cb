#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/metrics.h"
#include "base/per_label.h"
#include "base/throughput.h"

namespace cachey::cache {

/// What the cache counts, by kind. Handles only: counting looks nothing up.
struct KindMetrics {
  Counter access;              ///< pages asked for
  Counter download;            ///< pages fetched whole from the origin
  Counter client_pref;         ///< fills that tried the client's first bucket first
  Counter fallback;            ///< fills that the second bucket delivered
  Counter hedged;              ///< fills that a hedge delivered, or some of them
  Counter success;             ///< pages asked for that could be had
  Counter cache_hit;           ///< ... that were there whole
  Counter cache_hit_memory;    ///< ... in memory
  Counter cache_hit_disk;      ///< ... on disk
  Counter coalesced;           ///< pages that another request's fill was bringing
  Histogram download_latency;  ///< nanoseconds from the fill's start to its last byte
};

/// The cache's metrics. Made by main, outlives the cache. Any thread.
class CacheMetrics {
 public:
  CacheMetrics(Metrics& metrics, size_t kinds_max);

  [[nodiscard]] KindMetrics& of(std::string_view kind) { return kinds_.of(kind); }

  /// Of all kinds together.
  struct Totals {
    uint64_t accesses = 0;
    uint64_t hits = 0;
  };
  [[nodiscard]] Totals totals() const;

  Throughput ingress;  ///< page bytes that came in
  std::atomic<int64_t> fills_in_flight{0};
  const Counter fills_failed;
  const Counter absence_hits;
  const Counter read_ahead_pages;  ///< fills started ahead of a client that reads page after page

 private:
  PerLabel<KindMetrics> kinds_;
};

}  // namespace cachey::cache
