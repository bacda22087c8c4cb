#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

#include "base/clock.h"

namespace cachey::origin {

/// Recent latencies: an observation of age t weighs exp(-kForgetPerSecond * t). The histogram's
/// buckets grow by 1/8 from 16 us to about 4 minutes. New observations get larger weights instead
/// of old ones shrinking (forward decay; Cormode et al., ICDE 2009), so that time costs no work.
/// Not synchronized.
class LatencyHistogram {
 public:
  static constexpr double kForgetPerSecond = 0.015;

  explicit LatencyHistogram(MonoTime start) : epoch_(start) {}

  void add(std::chrono::nanoseconds latency, MonoTime now);

  /// Nothing before the first observation.
  [[nodiscard]] std::optional<double> mean_seconds() const;
  /// The upper bound of the histogram bucket that holds the quantile (0..1).
  [[nodiscard]] std::optional<double> quantile_seconds(double quantile) const;

 private:
  static constexpr size_t kBuckets = 141;
  static constexpr double kFirstSeconds = 16e-6;
  static constexpr double kGrowth = 1.125;

  [[nodiscard]] static size_t bucket_of(double seconds);
  [[nodiscard]] static double upper_bound(size_t bucket);
  [[nodiscard]] double weight_at(MonoTime now) const;
  void rescale(MonoTime now);

  MonoTime epoch_;  // an observation made then weighs 1
  double total_weight_ = 0;
  double weighted_seconds_ = 0;
  std::array<double, kBuckets> weights_{};
};

}  // namespace cachey::origin
