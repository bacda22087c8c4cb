// The metrics of Buckets.

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "origin/read/buckets.h"

namespace cachey::origin {
namespace {

constexpr std::array<const char*, ReadTimes::kQuantiles.size()> kQuantileNames = {"0.5", "0.99"};

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

void Buckets::add_gauges() {
  add_gauge("cachey_bucket_error_ratio", "Recent failures of the store, 0 to 1",
            [](const BucketHealth& health) { return std::optional(health.view().error_rate); });
  add_gauge("cachey_bucket_head_latency_seconds", "Recent mean time to an answer's head",
            [](const BucketHealth& health) { return health.view().mean_seconds; });
  add_gauge("cachey_bucket_deprioritized",
            "1 while the breaker is open: other buckets of a request are asked first",
            [](const BucketHealth& health) {
              return std::optional(health.view().breaker_open ? 1.0 : 0.0);
            });
  add_gauge("cachey_bucket_consecutive_failures",
            "Objects that failed in a row since the last success", [](const BucketHealth& health) {
              return std::optional<double>(health.view().consecutive_failures);
            });
  add_gauge("cachey_bucket_share", "Share of the requests that the bucket is asked, 0 to 1",
            [](const BucketHealth& health) { return std::optional(health.view().share); });
  metrics_.read_gauges("cachey_bucket_latency_seconds",
                       "Time of whole reads from the store, by size and quantile",
                       [this] { return latency_readings(); });
  metrics_.read_gauges("cachey_bucket_latency_model_bytes",
                       "The largest read that the latencies know",
                       [this] { return model_readings(); });
  metrics_.read_gauges("cachey_bucket_hedge_delay_seconds",
                       "After how long a second request is sent, by phase",
                       [this] { return hedge_delay_readings(); });
}

std::vector<std::pair<std::string, Buckets::HealthPtr>> Buckets::shown() const {
  std::vector<std::pair<std::string, HealthPtr>> shown;
  {
    const auto show = [&](const std::string& bucket, const HealthPtr& health) {
      shown.emplace_back(bucket, health);
    };
    const ReaderLock lock(mutex_);
    proven_.visit_newest(kBucketsWithGauges, show);
    unproven_.visit_newest(kUnprovenWithGauges, show);
  }
  std::ranges::sort(shown, {}, &std::pair<std::string, HealthPtr>::first);
  return shown;
}

std::vector<Buckets::Overview> Buckets::overview() const {
  std::vector<Overview> all;
  for (const auto& [bucket, health] : shown()) {
    all.push_back({bucket, health->view(), health->latency_quantile(0.5),
                   health->latency_quantile(0.99), health->patience(hedge_quantile_).late});
  }
  return all;
}

void Buckets::add_gauge(const std::string& name, const std::string& help,
                        std::optional<double> (*value)(const BucketHealth& health)) {
  metrics_.read_gauges(name, help, [this, value] {
    std::vector<Metrics::Reading> readings;
    for (const auto& [bucket, health] : shown()) {
      const std::optional<double> now = value(*health);
      if (now) readings.push_back({{{"bucket", bucket}}, *now});
    }
    return readings;
  });
}

std::vector<Metrics::Reading> Buckets::latency_readings() const {
  std::vector<Metrics::Reading> readings;
  for (const auto& [bucket, health] : shown()) {
    for (size_t size = 0; size < ReadTimes::kSizes.size(); ++size) {
      for (size_t quantile = 0; quantile < kQuantileNames.size(); ++quantile) {
        const auto seconds = health->read_times().quantile_seconds(size, quantile);
        if (!seconds) continue;
        readings.push_back({{{"bucket", bucket},
                             {"phase", "request"},
                             {"bytes", fmt::to_string(ReadTimes::kSizes[size])},
                             {"quantile", kQuantileNames[quantile]}},
                            *seconds});
      }
    }
  }
  return readings;
}

std::vector<Metrics::Reading> Buckets::model_readings() const {
  std::vector<Metrics::Reading> readings;
  for (const auto& [bucket, health] : shown()) {
    readings.push_back({{{"bucket", bucket}, {"phase", "request"}},
                        static_cast<double>(health->read_times().largest_bytes())});
  }
  return readings;
}

/// The delays do not depend on the size of a read.
std::vector<Metrics::Reading> Buckets::hedge_delay_readings() const {
  std::vector<Metrics::Reading> readings;
  for (const auto& [bucket, health] : shown()) {
    const std::optional<std::chrono::nanoseconds> late = health->patience(hedge_quantile_).late;
    if (!late) continue;
    for (const uint64_t bytes : ReadTimes::kSizes) {
      const auto add = [&](const char* phase, std::chrono::nanoseconds delay) {
        readings.push_back(
            {{{"bucket", bucket}, {"phase", phase}, {"bytes", fmt::to_string(bytes)}},
             seconds_of(delay)});
      };
      add("first_byte", *late);
      add("body", std::max<std::chrono::nanoseconds>(*late, BucketHealth::kBodyDelayMin));
    }
  }
  return readings;
}

std::unique_ptr<Buckets::Predictions> Buckets::make_predictions(const std::string& bucket) const {
  auto made = std::make_unique<Predictions>();
  made->made = metrics_.counter("cachey_bucket_latency_predictions_total",
                                "Whole reads of which the time was predicted",
                                {{"bucket", bucket}, {"phase", "request"}});
  for (size_t i = 0; i < kQuantileNames.size(); ++i) {
    made->exceeded[i] = metrics_.counter(
        "cachey_bucket_latency_predictions_exceeded_total",
        "Whole reads that took longer than the quantile of those before",
        {{"bucket", bucket}, {"phase", "request"}, {"quantile", kQuantileNames[i]}});
  }
  return made;
}

}  // namespace cachey::origin
