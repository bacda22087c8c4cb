#include "api/fetch/metrics.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "api/reply.h"
#include "base/units.h"

namespace cachey::api {
namespace {

constexpr std::array<const char*, 2> kMethodNames = {"GET", "HEAD"};
constexpr std::array<const char*, 2> kStageNames = {"init", "later"};

const std::vector<uint64_t> kByteBounds = {4 * kKiB, 16 * kKiB, 64 * kKiB, 256 * kKiB,
                                           1 * kMiB, 4 * kMiB,  16 * kMiB};
const std::vector<uint64_t> kEntryBounds = {1, 2, 4};

}  // namespace

KindFetchMetrics::KindFetchMetrics(Metrics& metrics, std::string kind)
    : metrics_(metrics),
      kind_(std::move(kind)),
      bodies_(metrics),
      bytes_(metrics.histogram("cachey_fetch_request_bytes", "Bytes that a fetch asks for",
                               kByteBounds, 1, {{"kind", kind_}})),
      entries_(metrics.histogram("cachey_fetch_request_entries",
                                 "Pages that a fetch asks for; 1 for an exact range", kEntryBounds,
                                 1, {{"kind", kind_}})) {
  for (size_t method = 0; method < kMethods; ++method) {
    started_[method] = request(method, "start");
    succeeded_[method] = request(method, "success");
  }
  for (size_t hit = 0; hit < first_chunk_.size(); ++hit) {
    first_chunk_[hit] = metrics_.histogram("cachey_first_chunk_latency_seconds",
                                           "Time from a fetch's head to its first body bytes sent",
                                           latency_bounds(), kNanosecondsPerSecond,
                                           {{"kind", kind_}, {"hit", hit == 1 ? "1" : "0"}});
  }
}

Counter KindFetchMetrics::request(size_t method, const std::string& status) {
  return metrics_.counter("cachey_fetch_requests_total", "Fetches by what became of them",
                          {{"kind", kind_}, {"method", kMethodNames[method]}, {"status", status}});
}

void KindFetchMetrics::failed(net::Method method, Stage stage, ErrorKind kind) {
  const size_t m = method_index(method);
  const auto s = static_cast<size_t>(stage);
  count_failure(failed_[m][s][static_cast<size_t>(kind)], m, kStageNames[s], metric_code_of(kind));
}

void KindFetchMetrics::client_left(net::Method method, Stage stage) {
  const size_t m = method_index(method);
  const auto s = static_cast<size_t>(stage);
  count_failure(client_left_[m][s], m, kStageNames[s], "client_gone");
}

void KindFetchMetrics::count_failure(std::atomic<Counter>& failures, size_t method,
                                     const char* stage, std::string_view code) {
  Counter counter = failures.load(std::memory_order_acquire);
  if (!counter) {
    counter = request(method, fmt::format("failed:{}:{}", stage, code));
    failures.store(counter, std::memory_order_release);
  }
  counter.add();
}

void KindFetchMetrics::add_to(FetchTotals& totals) const {
  const auto total = [](const std::atomic<Counter>& count) -> uint64_t {
    const Counter counter = count.load(std::memory_order_acquire);
    return counter ? counter.total() : 0;
  };
  for (size_t method = 0; method < kMethods; ++method) {
    totals.started += started_[method].total();
    for (size_t stage = 0; stage < kStages; ++stage) {
      for (size_t kind = 0; kind < kErrorKinds; ++kind)
        totals.failed[kind] += total(failed_[method][stage][kind]);
      totals.client_gone += total(client_left_[method][stage]);
    }
  }
}

FetchTotals FetchMetrics::totals() const {
  FetchTotals totals;
  kinds_.for_each([&totals](const KindFetchMetrics& kind) { kind.add_to(totals); });
  return totals;
}

FetchMetrics::FetchMetrics(Metrics& metrics, size_t kinds_max)
    : kinds_(kinds_max, [&metrics](const std::string& kind) {
        return std::make_unique<KindFetchMetrics>(metrics, kind);
      }) {}

}  // namespace cachey::api
