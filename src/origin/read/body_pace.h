#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/units.h"
#include "origin/read/latency_histogram.h"

namespace cachey::origin {

/// How slow a bucket's bodies were recently: seconds a byte, beyond a pace that is held against no
/// bucket. Bodies count as LatencyHistogram counts latencies. Not synchronized.
class BodyPace {
 public:
  /// Smaller bodies do not count: their time is that of the network's round trips.
  static constexpr uint64_t kBytesMin = kMiB;
  /// A faster pace is held against no bucket.
  static constexpr double kBytesPerSecondGood = 20e6;
  /// Below this sum of weights nothing is known: one body is remembered for some 2.5 minutes.
  static constexpr double kWeightMin = 0.1;

  explicit BodyPace(MonoTime now) : at_(now) {}

  /// A body of `bytes` came whole, its last byte `took` after its head.
  void add(uint64_t bytes, std::chrono::nanoseconds took, MonoTime now) {
    if (bytes < kBytesMin) return;
    const double kept = decay_until(now);
    weight_ = weight_ * kept + 1;
    paces_ =
        paces_ * kept + std::chrono::duration<double>(took).count() / static_cast<double>(bytes);
    at_ = now;
  }

  struct View {
    double mean = 0;  ///< seconds a byte, beyond the good pace
    /// The mean times w / (w + 1), w being the sum of the weights: few and old bodies say less. So
    /// a bucket that is not asked any more is tried again.
    double slowness = 0;
  };
  /// Nothing: too few or too old bodies.
  [[nodiscard]] std::optional<View> view(MonoTime now) const {
    const double weight = weight_ * decay_until(now);
    if (weight < kWeightMin) return std::nullopt;
    const double mean = std::max(0.0, paces_ / weight_ - 1 / kBytesPerSecondGood);
    return View{mean, mean * weight / (weight + 1)};
  }

 private:
  [[nodiscard]] double decay_until(MonoTime now) const {
    const std::chrono::duration<double> since = now - at_;
    return std::exp(-LatencyHistogram::kForgetPerSecond * std::max(0.0, since.count()));
  }

  double weight_ = 0;
  double paces_ = 0;  // seconds a byte, each times its weight
  MonoTime at_;
};

}  // namespace cachey::origin
