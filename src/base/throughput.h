#pragma once

#include <array>
#include <cstdint>

#include "base/metrics.h"
#include "base/mutex.h"

namespace cachey {

/// Bytes per second over the last whole seconds, of a counter of bytes. add() from any thread, one
/// addition; sample() once a second from one place; rate() from any thread.
class Throughput {
 public:
  static constexpr size_t kSecondsMax = 60;

  explicit Throughput(Counter bytes) : bytes_(bytes) {}

  void add(uint64_t bytes) { bytes_.add(bytes); }
  [[nodiscard]] uint64_t total() const { return bytes_.total(); }

  /// A second has passed.
  void sample() EXCLUDES(mutex_);

  /// Mean over the last `seconds` whole ones (fewer where the process is younger).
  /// REQUIRES: 1 <= seconds <= kSecondsMax.
  [[nodiscard]] double rate(size_t seconds) const EXCLUDES(mutex_);

 private:
  const Counter bytes_;
  mutable Mutex mutex_;
  std::array<uint64_t, kSecondsMax + 1> samples_ GUARDED_BY(mutex_){};  // totals, a ring
  size_t taken_ GUARDED_BY(mutex_) = 0;
};

}  // namespace cachey
