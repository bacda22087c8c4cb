#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/units.h"
#include "origin/read/latency_histogram.h"

namespace cachey::origin {

/// How long whole reads from one bucket took recently, from the request to the last byte, by size.
/// Reads that were resumed or taken over do not count: their time is not that of one request. The
/// times are for metrics only. Any thread.
class ReadTimes {
 public:
  /// The sizes that are told apart: a read counts for the first one that is not smaller.
  static constexpr std::array<uint64_t, 4> kSizes{4 * kKiB, 64 * kKiB, kMiB, kPageBytes};
  static constexpr std::array<double, 2> kQuantiles{0.5, 0.99};
  /// Fewer reads of a size predict nothing.
  static constexpr uint64_t kReadsMin = 10;

  /// For each of kQuantiles: the read took longer than this quantile of the reads before.
  using Exceeded = std::array<bool, kQuantiles.size()>;
  /// Adds a read. Nothing: too few reads of this size came before.
  std::optional<Exceeded> add(uint64_t bytes, std::chrono::nanoseconds took, MonoTime now);

  /// Nothing before the first read of this size. `size`, `quantile`: indices of kSizes, kQuantiles.
  [[nodiscard]] std::optional<double> quantile_seconds(size_t size, size_t quantile) const;
  /// Of the largest read.
  [[nodiscard]] uint64_t largest_bytes() const;

 private:
  struct Class {
    explicit Class(MonoTime start) : times(start) {}
    LatencyHistogram times;
    uint64_t reads = 0;
  };

  mutable Mutex mutex_;
  std::array<std::unique_ptr<Class>, kSizes.size()> classes_ GUARDED_BY(mutex_);
  uint64_t largest_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace cachey::origin
