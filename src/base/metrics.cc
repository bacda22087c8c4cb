#include "base/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/check.h"

namespace cachey {
namespace {

std::vector<prometheus::ClientMetric::Label> label_list(const Metrics::Labels& labels) {
  std::vector<prometheus::ClientMetric::Label> list;
  for (const auto& [name, value] : labels) list.push_back({name, value});
  return list;
}

prometheus::ClientMetric metric_of(const FineHistogram::Snapshot& snapshot) {
  prometheus::ClientMetric metric;
  for (const uint64_t bound : snapshot.shown_bounds()) {
    prometheus::ClientMetric::Bucket& bucket = metric.histogram.bucket.emplace_back();
    bucket.cumulative_count = snapshot.count_up_to(bound);
    bucket.upper_bound = static_cast<double>(bound) / kNanosecondsPerSecond;
  }
  metric.histogram.sample_count = snapshot.count();
  prometheus::ClientMetric::Bucket& rest = metric.histogram.bucket.emplace_back();
  rest.cumulative_count = metric.histogram.sample_count;
  rest.upper_bound = std::numeric_limits<double>::infinity();
  metric.histogram.sample_sum = static_cast<double>(snapshot.sum()) / kNanosecondsPerSecond;
  return metric;
}

/// `make` turns a reading into a metric without labels.
template <typename Reading>
std::vector<prometheus::ClientMetric> metrics_of(const std::vector<Reading>& readings, auto make) {
  std::vector<prometheus::ClientMetric> metrics;
  metrics.reserve(readings.size());
  for (const Reading& reading : readings) {
    metrics.push_back(make(reading));
    metrics.back().label = label_list(reading.labels);
  }
  return metrics;
}

}  // namespace

const std::vector<uint64_t>& latency_bounds() {
  static const std::vector<uint64_t> bounds = {
      100'000,       250'000,       500'000,       1'000'000,      2'500'000,      5'000'000,
      10'000'000,    25'000'000,    50'000'000,    100'000'000,    250'000'000,    500'000'000,
      1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000};
  return bounds;
}

uint64_t Counter::total() const {
  uint64_t sum = 0;
  for (size_t shard = 0; shard < kShards; ++shard) {
    sum += part(shard).load(std::memory_order_relaxed);
  }
  return sum;
}

void Histogram::observe(uint64_t value) const {
  const std::vector<uint64_t>& bounds = *bounds_;
  size_t bucket = 0;
  while (bucket < bounds.size() && value > bounds[bucket]) ++bucket;
  Counter::Cell* const cells = &first_.part(this_shard());
  cells[bucket].fetch_add(1, std::memory_order_relaxed);
  cells[bounds.size() + 1].fetch_add(value, std::memory_order_relaxed);
}

Metrics::Family& Metrics::family(const std::string& name, const std::string& help,
                                 prometheus::MetricType type) {
  const auto [found, made] = families_.try_emplace(name);
  if (made) {
    found->second.help = help;
    found->second.type = type;
  }
  CHECK(found->second.type == type);
  return found->second;
}

Counter Metrics::allocate(size_t cells) {
  CHECK(cells <= Counter::kCellsPerPart);
  if (cells_used_ + cells > Counter::kCellsPerPart) {
    blocks_.push_back(std::make_unique<Block>());
    cells_used_ = 0;
  }
  const Counter first(&blocks_.back()->parts[0][cells_used_]);
  cells_used_ += cells;
  return first;
}

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const MutexLock lock(mutex_);
  Counter& counter = family(name, help, prometheus::MetricType::Counter).cells[labels];
  if (!counter) counter = allocate(1);
  return counter;
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             const std::vector<uint64_t>& bounds, double per_unit,
                             const Labels& labels) {
  const MutexLock lock(mutex_);
  Family& same_name = family(name, help, prometheus::MetricType::Histogram);
  if (same_name.cells.empty()) {
    same_name.bounds = bounds;
    same_name.per_unit = per_unit;
  }
  Counter& first = same_name.cells[labels];
  if (!first) first = allocate(same_name.bounds.size() + 2);
  return Histogram(first, same_name.bounds);
}

FineHistogram Metrics::fine_histogram(const std::string& name, const std::string& help,
                                      const std::vector<uint64_t>& bounds, const Labels& labels,
                                      FineHistogram::Parts parts) {
  const MutexLock lock(mutex_);
  Family& same_name = family(name, help, prometheus::MetricType::Histogram);
  if (!same_name.fine_cells) same_name.fine_cells = std::make_unique<FineCells>(bounds);
  return same_name.fine.try_emplace(labels, *same_name.fine_cells, parts).first->second.handle();
}

prometheus::Gauge& Metrics::gauge(const std::string& name, const std::string& help,
                                  const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(gauges_).Add(labels);
}

void Metrics::read_gauge(const std::string& name, const std::string& help,
                         std::function<double()> read, const Labels& labels) {
  const MutexLock lock(mutex_);
  family(name, help, prometheus::MetricType::Gauge).reads[labels] = std::move(read);
}

void Metrics::read_counter(const std::string& name, const std::string& help,
                           std::function<double()> read, const Labels& labels) {
  const MutexLock lock(mutex_);
  family(name, help, prometheus::MetricType::Counter).reads[labels] = std::move(read);
}

void Metrics::read_gauges(const std::string& name, const std::string& help,
                          std::function<std::vector<Reading>()> read) {
  const MutexLock lock(mutex_);
  family(name, help, prometheus::MetricType::Gauge).read_all = [read = std::move(read)] {
    return metrics_of(read(), [](const Reading& reading) {
      prometheus::ClientMetric metric;
      metric.gauge.value = reading.value;
      return metric;
    });
  };
}

void Metrics::read_counters(const std::string& name, const std::string& help,
                            std::function<std::vector<Reading>()> read) {
  const MutexLock lock(mutex_);
  family(name, help, prometheus::MetricType::Counter).read_all = [read = std::move(read)] {
    return metrics_of(read(), [](const Reading& reading) {
      prometheus::ClientMetric metric;
      metric.counter.value = reading.value;
      return metric;
    });
  };
}

void Metrics::read_histograms(const std::string& name, const std::string& help,
                              std::function<std::vector<HistogramReading>()> read) {
  const MutexLock lock(mutex_);
  family(name, help, prometheus::MetricType::Histogram).read_all = [read = std::move(read)] {
    return metrics_of(read(),
                      [](const HistogramReading& reading) { return metric_of(reading.value); });
  };
}

void Metrics::before_collect(std::function<void()> update) {
  const MutexLock lock(mutex_);
  updates_.push_back(std::move(update));
}

prometheus::ClientMetric Metrics::collect(const Family& family, Counter first) {
  prometheus::ClientMetric metric;
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = static_cast<double>(first.total());
    return metric;
  }
  const Histogram histogram(first, family.bounds);
  uint64_t count = 0;
  for (size_t i = 0; i <= family.bounds.size(); ++i) {
    count += histogram.cell(i).total();
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = count;
    bucket.upper_bound = i < family.bounds.size()
                             ? static_cast<double>(family.bounds[i]) / family.per_unit
                             : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back(bucket);
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum =
      static_cast<double>(histogram.cell(family.bounds.size() + 1).total()) / family.per_unit;
  return metric;
}

std::vector<prometheus::MetricFamily> Metrics::collect() {
  std::vector<prometheus::MetricFamily> collected;
  std::vector<std::pair<std::pair<size_t, size_t>, std::function<double()>>> reads;
  std::vector<std::pair<size_t, std::function<std::vector<prometheus::ClientMetric>()>>> reads_all;
  {
    const MutexLock lock(mutex_);
    for (const auto& [name, family] : families_) {
      prometheus::MetricFamily& out = collected.emplace_back();
      out.name = name;
      out.help = family.help;
      out.type = family.type;
      for (const auto& [labels, first] : family.cells) {
        out.metric.push_back(collect(family, first));
        out.metric.back().label = label_list(labels);
      }
      for (const auto& [labels, store] : family.fine) {
        out.metric.push_back(metric_of(store.handle().snapshot()));
        out.metric.back().label = label_list(labels);
      }
      for (const auto& [labels, read] : family.reads) {
        reads.push_back({{collected.size() - 1, out.metric.size()}, read});
        out.metric.emplace_back().label = label_list(labels);
      }
      if (family.read_all) reads_all.emplace_back(collected.size() - 1, family.read_all);
    }
  }
  for (const auto& [place, read] : reads) {  // unlocked: `read` may take locks
    prometheus::MetricFamily& family = collected[place.first];
    prometheus::ClientMetric& metric = family.metric[place.second];
    if (family.type == prometheus::MetricType::Counter) {
      metric.counter.value = read();
    } else {
      metric.gauge.value = read();
    }
  }
  for (const auto& [place, read] : reads_all) {
    std::ranges::move(read(), std::back_inserter(collected[place].metric));
  }
  return collected;
}

std::string Metrics::text() {
  std::vector<std::function<void()>> updates;
  {
    const MutexLock lock(mutex_);
    updates = updates_;
  }
  for (const auto& update : updates) update();
  std::vector<prometheus::MetricFamily> families = collect();
  std::ranges::move(gauges_.Collect(), std::back_inserter(families));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace cachey
