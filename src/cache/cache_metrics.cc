#include "cache/cache_metrics.h"

#include <memory>
#include <string>
#include <vector>

namespace cachey::cache {
namespace {

std::unique_ptr<KindMetrics> make_kind(Metrics& metrics, const std::string& kind) {
  auto page = [&](const char* type) {
    return metrics.counter("cachey_entry_requests_total", "Pages by what became of them",
                           {{"kind", kind}, {"type", type}});
  };
  auto made = std::make_unique<KindMetrics>();
  made->access = page("access");
  made->download = page("download");
  made->client_pref = page("client_pref");
  made->fallback = page("fallback");
  made->hedged = page("hedged");
  made->success = page("success");
  made->cache_hit = page("cache_hit");
  made->cache_hit_memory = page("cache_hit_memory");
  made->cache_hit_disk = page("cache_hit_disk");
  made->coalesced = page("coalesced");
  made->download_latency =
      metrics.histogram("cachey_download_latency_seconds", "Time to fetch a page from the origin",
                        latency_bounds(), kNanosecondsPerSecond, {{"kind", kind}});
  return made;
}

std::array<Counter, WarmMetrics::kEnds> warm_requests(Metrics& metrics) {
  static constexpr std::array<const char*, WarmMetrics::kEnds> kNames = {
      "success", "shed", "no_room", "timeout", "not_cached", "client_gone", "failed"};
  std::array<Counter, WarmMetrics::kEnds> made;
  for (size_t end = 0; end < made.size(); ++end) {
    made[end] = metrics.counter("cachey_warm_requests_total",
                                "Warm requests by what became of them", {{"result", kNames[end]}});
  }
  return made;
}

}  // namespace

WarmMetrics::WarmMetrics(Metrics& metrics)
    : requests(warm_requests(metrics)),
      pages(metrics.counter("cachey_warm_pages_total", "Fills begun for warm requests")),
      bytes(metrics.counter("cachey_warm_bytes_total",
                            "Bytes of pages that warm requests brought from origins")) {}

CacheMetrics::CacheMetrics(Metrics& metrics, size_t kinds_max)
    : ingress(metrics.counter("cachey_ingress_bytes_total", "Page bytes received from origins")),
      fills_failed(
          metrics.counter("cachey_fill_failed_total", "Fills that ended without a whole page")),
      absence_hits(metrics.counter("cachey_negative_hits_total",
                                   "Misses of objects that were not there a moment ago")),
      read_ahead_pages(metrics.counter("cachey_read_ahead_pages_total",
                                       "Fills begun ahead of a client that reads page by page")),
      warm(metrics),
      kinds_(kinds_max, [&metrics](const std::string& kind) { return make_kind(metrics, kind); }) {}

CacheMetrics::Totals CacheMetrics::totals() const {
  Totals totals;
  kinds_.for_each([&totals](const KindMetrics& kind) {
    totals.accesses += kind.access.total();
    totals.hits += kind.cache_hit.total();
    totals.memory_hits += kind.cache_hit_memory.total();
    totals.disk_hits += kind.cache_hit_disk.total();
    totals.coalesced += kind.coalesced.total();
  });
  return totals;
}

}  // namespace cachey::cache
