#pragma once

#include <array>
#include <cstdint>

#include "base/metrics.h"
#include "base/mutex.h"

namespace cachey {

/// The mean rate of a counter of bytes over the last whole seconds. add() and rate(): any thread;
/// add() is one addition. sample(): once a second, from one place.
class Throughput {
 public:
  static constexpr size_t kSecondsMax = 60;

  explicit Throughput(Counter bytes) : bytes_(bytes) {}

  void add(uint64_t bytes) { bytes_.add(bytes); }
  [[nodiscard]] uint64_t total() const { return bytes_.total(); }

  /// To be called once a second: stores the counter's value.
  void sample() EXCLUDES(mutex_);

  /// Bytes per second, the mean over the last `seconds` seconds. Seconds before the first sample()
  /// count as zero bytes.
  /// REQUIRES: 1 <= seconds <= kSecondsMax.
  [[nodiscard]] double rate(size_t seconds) const EXCLUDES(mutex_);

 private:
  const Counter bytes_;
  mutable Mutex mutex_;
  std::array<uint64_t, kSecondsMax + 1> samples_ GUARDED_BY(mutex_){};  // ring of totals
  size_t taken_ GUARDED_BY(mutex_) = 0;
};

}  // namespace cachey
