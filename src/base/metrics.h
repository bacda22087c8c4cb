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

#include "base/fine_histogram.h"
#include "base/mutex.h"
#include "base/shard.h"

namespace cachey {

/// A count that only grows. A handle that may be copied: the count itself lives as long as its
/// Metrics. add() is one relaxed addition to the calling thread's part. Any thread.
class Counter {
 public:
  Counter() = default;  ///< must be assigned before use

  void add(uint64_t by = 1) const { part(this_shard()).fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t total() const;
  [[nodiscard]] explicit operator bool() const { return cells_ != nullptr; }

 private:
  friend class Metrics;
  friend class Histogram;
  using Cell = std::atomic<uint64_t>;
  /// Cells of a block in one part: a whole number of cache lines.
  static constexpr size_t kCellsPerPart = 64;

  explicit Counter(Cell* cells) : cells_(cells) {}
  [[nodiscard]] Cell& part(size_t shard) const { return cells_[shard * kCellsPerPart]; }

  Cell* cells_ = nullptr;  // of part 0; part n begins n * kCellsPerPart cells later
};

/// Counts whole numbers by buckets, and their sum. A handle, as Counter is. Any thread.
class Histogram {
 public:
  Histogram() = default;

  void observe(uint64_t value) const;

 private:
  friend class Metrics;
  Histogram(Counter first, const std::vector<uint64_t>& bounds) : first_(first), bounds_(&bounds) {}
  [[nodiscard]] Counter cell(size_t index) const { return Counter(first_.cells_ + index); }

  Counter first_;                                  // cells: one per bound, +Inf, the sum
  const std::vector<uint64_t>* bounds_ = nullptr;  // the family's
};

/// The bounds of a histogram of latencies in nanoseconds: 0.1, 0.25, 0.5, 1, 2.5, 5, 10 ... 500 ms,
/// 1, 2.5, 5, 10, 30, 60 s.
[[nodiscard]] const std::vector<uint64_t>& latency_bounds();
inline constexpr double kNanosecondsPerSecond = 1e9;  ///< `per_unit` of such a histogram

/// Owns the process's metrics and writes them in the Prometheus text format 0.0.4. A user makes a
/// handle once and keeps the handle, so that counting needs no look-up. Owned by app::Process,
/// outlives all handles. Any thread.
class Metrics {
 public:
  using Labels = prometheus::Labels;

  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The counter of that name and labels; created if there is none.
  [[nodiscard]] Counter counter(const std::string& name, const std::string& help,
                                const Labels& labels = {});
  /// The histogram of that name and labels; created if there is none. `bounds`: upper bounds of the
  /// buckets, ascending. `per_unit`: of the values, 1e9 for nanoseconds in a histogram of seconds.
  /// The first call for a name decides both for all.
  [[nodiscard]] Histogram histogram(const std::string& name, const std::string& help,
                                    const std::vector<uint64_t>& bounds, double per_unit = 1,
                                    const Labels& labels = {});
  /// The same, of nanoseconds shown as seconds, with cells fine enough for quantiles. Series of one
  /// name have the same bounds and parts. See FineCells for what bounds may be.
  [[nodiscard]] FineHistogram fine_histogram(
      const std::string& name, const std::string& help, const std::vector<uint64_t>& bounds,
      const Labels& labels = {}, FineHistogram::Parts parts = FineHistogram::Parts::kOnePerThread);
  prometheus::Gauge& gauge(const std::string& name, const std::string& help,
                           const Labels& labels = {});

  /// A gauge or counter; `read` returns its value at each collection, on the thread that calls
  /// text() and without our locks.
  void read_gauge(const std::string& name, const std::string& help, std::function<double()> read,
                  const Labels& labels = {});
  void read_counter(const std::string& name, const std::string& help, std::function<double()> read,
                    const Labels& labels = {});

  /// A gauge's value for one set of labels.
  struct Reading {
    Labels labels;
    double value = 0;
  };
  /// A gauge with labels that come and go; `read` returns all its values at each collection, on the
  /// thread that calls text() and without our locks.
  void read_gauges(const std::string& name, const std::string& help,
                   std::function<std::vector<Reading>()> read);
  void read_counters(const std::string& name, const std::string& help,
                     std::function<std::vector<Reading>()> read);
  struct HistogramReading {
    Labels labels;
    FineHistogram::Snapshot value;
  };
  void read_histograms(const std::string& name, const std::string& help,
                       std::function<std::vector<HistogramReading>()> read);

  /// Runs `update` before each collection, on the thread that calls text(), to set gauges.
  void before_collect(std::function<void()> update);

  [[nodiscard]] std::string text();

 private:
  /// Memory of many counts: one row of cells per part.
  struct alignas(kCacheLineBytes) Block {
    std::array<std::array<Counter::Cell, Counter::kCellsPerPart>, kShards> parts{};
  };
  /// All metrics of one name. `reads`: of read_gauge() and read_counter(); `read_all`: of
  /// read_gauges(), read_counters() and read_histograms(); `fine`: of fine_histogram(); `cells`: of
  /// the rest.
  struct Family {
    std::string help;
    std::vector<uint64_t> bounds;  // histograms only
    double per_unit = 1;
    prometheus::MetricType type = prometheus::MetricType::Counter;
    std::map<Labels, Counter> cells;
    std::unique_ptr<const FineCells> fine_cells;
    std::map<Labels, FineHistogram::Store> fine;
    std::map<Labels, std::function<double()>> reads;
    std::function<std::vector<prometheus::ClientMetric>()> read_all;
  };

  [[nodiscard]] Family& family(const std::string& name, const std::string& help,
                               prometheus::MetricType type) REQUIRES(mutex_);
  [[nodiscard]] Counter allocate(size_t cells) REQUIRES(mutex_);
  [[nodiscard]] static prometheus::ClientMetric collect(const Family& family, Counter first);
  [[nodiscard]] std::vector<prometheus::MetricFamily> collect() EXCLUDES(mutex_);

  prometheus::Registry gauges_;  // thread-safe
  mutable Mutex mutex_;
  std::vector<std::function<void()>> updates_ GUARDED_BY(mutex_);
  std::map<std::string, Family> families_ GUARDED_BY(mutex_);  // grows only: handles point into it
  std::vector<std::unique_ptr<Block>> blocks_ GUARDED_BY(mutex_);
  size_t cells_used_ GUARDED_BY(mutex_) = Counter::kCellsPerPart;  // in the last block
};

/// For read_gauge() and read_counter(): reads `value`, which outlives the last text().
template <typename T>
[[nodiscard]] std::function<double()> reader_of(const std::atomic<T>& value) {
  return [&value] { return static_cast<double>(value.load(std::memory_order_relaxed)); };
}

}  // namespace cachey
