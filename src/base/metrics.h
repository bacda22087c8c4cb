#pragma once

#include <prometheus/gauge.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/shard.h"

namespace cachey {

/// A count that only grows. A handle, to be copied: the count lives as long as its Metrics. Adding
/// is one relaxed addition to the calling thread's part. Any thread.
class Counter {
 public:
  Counter() = default;  ///< of nothing: to be assigned before it is used

  void add(uint64_t by = 1) const { part(this_shard()).fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t total() const;
  [[nodiscard]] explicit operator bool() const { return cells_ != nullptr; }

 private:
  friend class Metrics;
  friend class Histogram;
  using Cell = std::atomic<uint64_t>;
  /// Cells of one block and part: a power of two of cache lines.
  static constexpr size_t kCellsPerPart = 64;

  explicit Counter(Cell* cells) : cells_(cells) {}
  [[nodiscard]] Cell& part(size_t shard) const { return cells_[shard * kCellsPerPart]; }

  Cell* cells_ = nullptr;  // of part 0; those of the others follow at equal distances
};

/// How often whole numbers fall between bounds, and their sum. A handle, as Counter is.
class Histogram {
 public:
  Histogram() = default;

  void observe(uint64_t value) const;

 private:
  friend class Metrics;
  Histogram(Counter first, const std::vector<uint64_t>& bounds) : first_(first), bounds_(&bounds) {}
  [[nodiscard]] Counter cell(size_t index) const { return Counter(first_.cells_ + index); }

  Counter first_;                                  // a cell a bound, one past them, the sum
  const std::vector<uint64_t>* bounds_ = nullptr;  // the family's
};

/// The process's metrics: makes them, keeps them, writes them in the Prometheus text format 0.0.4.
/// Handles are made once and kept by those who count; counting looks nothing up. Owned by main,
/// outlives all handles. Any thread.
class Metrics {
 public:
  using Labels = prometheus::Labels;

  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The counter of that name and labels, made now where there is none.
  [[nodiscard]] Counter counter(const std::string& name, const std::string& help,
                                const Labels& labels = {});
  /// The histogram of that name and labels, made now where there is none. `bounds`: upper bounds of
  /// the buckets, ascending. Values are whole numbers of `unit`s: 1e-9 for nanoseconds in a
  /// histogram of seconds. Bounds and unit are those that the name was first used with.
  [[nodiscard]] Histogram histogram(const std::string& name, const std::string& help,
                                    const std::vector<uint64_t>& bounds, double unit = 1,
                                    const Labels& labels = {});
  prometheus::Gauge& gauge(const std::string& name, const std::string& help,
                           const Labels& labels = {});

  /// A gauge or counter that is read when it is asked for; `read` is called on any thread.
  void read_gauge(const std::string& name, const std::string& help, std::function<double()> read,
                  const Labels& labels = {});
  void read_counter(const std::string& name, const std::string& help, std::function<double()> read,
                    const Labels& labels = {});

  /// `update` runs before each collection, to set gauges that are read rather than counted.
  void before_collect(std::function<void()> update);

  [[nodiscard]] std::string text();

 private:
  /// Memory of many counts: a row of cells a part.
  struct alignas(kCacheLineBytes) Block {
    std::array<std::array<Counter::Cell, Counter::kCellsPerPart>, kShards> parts{};
  };
  /// What has one name. Read counters have `reads`, the others cells.
  struct Family {
    std::string help;
    std::vector<uint64_t> bounds;  // of a histogram
    double unit = 1;
    prometheus::MetricType type = prometheus::MetricType::Counter;
    std::map<Labels, Counter> cells;
    std::map<Labels, std::function<double()>> reads;
  };

  [[nodiscard]] Family& family(const std::string& name, const std::string& help,
                               prometheus::MetricType type) REQUIRES(mutex_);
  [[nodiscard]] Counter allocate(size_t cells) REQUIRES(mutex_);
  [[nodiscard]] static prometheus::ClientMetric collect(const Family& family, Counter first);
  [[nodiscard]] std::vector<prometheus::MetricFamily> collect() EXCLUDES(mutex_);

  prometheus::Registry gauges_;  // has its own synchronization
  mutable Mutex mutex_;
  std::vector<std::function<void()>> updates_ GUARDED_BY(mutex_);
  std::map<std::string, Family> families_ GUARDED_BY(mutex_);  // nothing ever leaves it
  std::vector<std::unique_ptr<Block>> blocks_ GUARDED_BY(mutex_);
  size_t cells_used_ GUARDED_BY(mutex_) = Counter::kCellsPerPart;  // of the last block
};

}  // namespace cachey
