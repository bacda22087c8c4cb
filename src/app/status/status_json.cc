#include "app/status/status_json.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "base/recent_lines.h"

namespace cachey::app {
namespace {

using Json = nlohmann::ordered_json;

/// Microseconds are precise enough.
Json ms_or_null(const std::optional<double>& ms) {
  return ms ? Json(std::round(*ms * 1000) / 1000) : Json(nullptr);
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json count_or_null(int64_t value) { return value == kNoValue ? Json(nullptr) : Json(value); }

/// `deprioritized`: other buckets are asked first. `open`: there is no other one, and only a share
/// of the requests is asked.
const char* state_of(const BucketFacts& bucket) {
  if (!bucket.breaker_open) return "ok";
  return bucket.share < 1 ? "open" : "deprioritized";
}

/// What makes a bucket worse than others.
auto badness(const BucketView& bucket) {
  return std::tuple(bucket.now.breaker_open, bucket.minute.failures + bucket.minute.throttled,
                    bucket.now.error_ratio, bucket.minute.attempts);
}

Json ratio_json(int64_t part, int64_t whole) {
  if (whole == 0) return nullptr;
  return static_cast<double>(part) / static_cast<double>(whole);
}

constexpr std::array<const char*, kFirstByteTiers> kTierNames = {"memory", "disk", "miss"};

std::optional<double> in_ms_of(const FineHistogram::Snapshot& times, double quantile) {
  const std::optional<uint64_t> nanoseconds = times.quantile(quantile);
  return nanoseconds ? std::optional(static_cast<double>(*nanoseconds) / 1e6) : std::nullopt;
}

constexpr std::array<std::pair<const char*, Column>, 6> kFailures = {{
    {"store", Column::kFailedStore},
    {"timeout", Column::kFailedTimeout},
    {"overloaded", Column::kFailedOverloaded},
    {"internal", Column::kFailedInternal},
    {"request", Column::kFailedRequest},
    {"client_gone", Column::kClientGone},
}};

}  // namespace

Json findings_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"level", to_string(finding.level)},
                    {"code", to_string(finding.code)},
                    {"text", finding.text},
                    {"since_ms", finding.since_ms}});
  }
  return list;
}

Json buckets_json(std::span<const BucketView> buckets, size_t most) {
  std::vector<const BucketView*> worst;
  for (const BucketView& bucket : buckets) worst.push_back(&bucket);
  std::ranges::sort(worst, [](const BucketView* a, const BucketView* b) {
    return std::pair(badness(*b), a) < std::pair(badness(*a), b);
  });
  worst.resize(std::min(worst.size(), most));
  Json list = Json::array();
  for (const BucketView* bucket : worst) {
    const BucketFacts& now = bucket->now;
    list.push_back({{"name", now.name},
                    {"state", state_of(now)},
                    {"share", now.share},
                    {"error_ratio", now.error_ratio},
                    {"p50_ms", ms_or_null(now.p50_ms)},
                    {"p99_ms", ms_or_null(now.p99_ms)},
                    {"hedge_ms", ms_or_null(now.hedge_ms)},
                    {"attempts", now.attempts ? Json(bucket->minute.attempts) : Json()},
                    {"failures", now.failures ? Json(bucket->minute.failures) : Json()},
                    {"throttled", now.throttled ? Json(bucket->minute.throttled) : Json()},
                    {"waiting", or_null(now.waiting)}});
  }
  return list;
}

Json clients_json(const std::vector<ClientFacts>& clients, size_t most) {
  Json list = Json::array();
  for (const ClientFacts& client : clients) {
    if (list.size() == most) break;
    list.push_back({{"name", client.name},
                    {"requests", client.requests},
                    {"misses", client.misses},
                    {"bytes", client.bytes},
                    {"limited", client.limited}});
  }
  return list;
}

Json warnings_json(size_t most) {
  Json list = Json::array();
  for (const RecentLines::Line& line : log::recent_warnings()) {
    if (list.size() == most) break;
    const auto since_epoch = line.time.time_since_epoch();
    list.push_back(
        {{"t_ms", std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count()},
         {"level", line.level},
         {"event", line.event},
         {"text", line.text},
         {"count", line.count}});
  }
  return list;
}

Json failures_json(const Row& counts) {
  Json json;
  for (const auto& [name, column] : kFailures) json[name] = count_or_null(counts[column]);
  return json;
}

Json window_json(const History& history, const FirstBytes& first_bytes, size_t seconds) {
  Row sums;
  for (size_t i = 0; i < kColumns; ++i) {
    const auto column = static_cast<Column>(i);
    if (info_of(column).measure == Measure::kCount) sums[column] = history.sum(column, seconds);
  }
  const int64_t pages = sums[Column::kPagesMemory] + sums[Column::kPagesDisk] +
                        sums[Column::kPagesCoalesced] + sums[Column::kPagesMiss];
  Json json;
  json["seconds"] = std::min(seconds, history.size());
  json["requests"] = sums[Column::kStatus2xx] + sums[Column::kStatus3xx] +
                     sums[Column::kStatus4xx] + sums[Column::kStatus5xx];
  json["statuses"] = {{"2xx", sums[Column::kStatus2xx]},
                      {"3xx", sums[Column::kStatus3xx]},
                      {"4xx", sums[Column::kStatus4xx]},
                      {"5xx", sums[Column::kStatus5xx]}};
  json["fetches"] = sums[Column::kFetches];
  json["failures"] = failures_json(sums);
  json["pages"] = pages;
  json["hit_ratio"] = ratio_json(sums[Column::kPagesMemory] + sums[Column::kPagesDisk], pages);
  json["hit_ratio_memory"] = ratio_json(sums[Column::kPagesMemory], pages);
  json["hit_ratio_disk"] = ratio_json(sums[Column::kPagesDisk], pages);
  json["coalesced_ratio"] = ratio_json(sums[Column::kPagesCoalesced], pages);
  json["egress_bytes"] = sums[Column::kEgressBytes];
  json["ingress_bytes"] = sums[Column::kIngressBytes];
  for (size_t tier = 0; tier < kFirstByteTiers; ++tier) {
    const FineHistogram::Snapshot times = first_bytes.window(tier, seconds);
    json["first_byte_ms"][kTierNames[tier]] = {{"p50", ms_or_null(in_ms_of(times, 0.5))},
                                               {"p99", ms_or_null(in_ms_of(times, 0.99))}};
  }
  return json;
}

}  // namespace cachey::app
