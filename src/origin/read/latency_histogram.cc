#include "origin/read/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace cachey::origin {

size_t LatencyHistogram::bucket_of(double seconds) {
  if (seconds <= kFirstSeconds) return 0;
  const double bucket = std::ceil(std::log(seconds / kFirstSeconds) / std::log(kGrowth));
  return std::min(kBuckets - 1, static_cast<size_t>(bucket));
}

double LatencyHistogram::upper_bound(size_t bucket) {
  return kFirstSeconds * std::pow(kGrowth, static_cast<double>(bucket));
}

double LatencyHistogram::weight_at(MonoTime now) const {
  const std::chrono::duration<double> since = now - epoch_;
  return std::exp(kForgetPerSecond * since.count());
}

void LatencyHistogram::add(std::chrono::nanoseconds latency, MonoTime now) {
  constexpr double kWeightMax = 1e9;  // reached after about 23 minutes
  if (weight_at(now) > kWeightMax) rescale(now);
  const double weight = weight_at(now);
  const double seconds = std::chrono::duration<double>(latency).count();
  weights_[bucket_of(seconds)] += weight;
  total_weight_ += weight;
  weighted_seconds_ += weight * seconds;
}

/// Makes `now` the new epoch and scales all weights down to match.
void LatencyHistogram::rescale(MonoTime now) {
  const double by = 1 / weight_at(now);
  for (double& weight : weights_) weight *= by;
  total_weight_ *= by;
  weighted_seconds_ *= by;
  epoch_ = now;
}

std::optional<double> LatencyHistogram::mean_seconds() const {
  if (total_weight_ <= 0) return std::nullopt;
  return weighted_seconds_ / total_weight_;
}

std::optional<double> LatencyHistogram::quantile_seconds(double quantile) const {
  if (total_weight_ <= 0) return std::nullopt;
  double below = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    below += weights_[bucket];
    if (below >= quantile * total_weight_) return upper_bound(bucket);
  }
  return upper_bound(kBuckets - 1);
}

}  // namespace cachey::origin
