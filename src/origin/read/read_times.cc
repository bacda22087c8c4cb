#include "origin/read/read_times.h"

#include <algorithm>

namespace cachey::origin {

std::optional<ReadTimes::Exceeded> ReadTimes::add(uint64_t bytes, std::chrono::nanoseconds took,
                                                  MonoTime now) {
  const auto* const at = std::ranges::lower_bound(kSizes, bytes);
  const size_t size = std::min<size_t>(static_cast<size_t>(at - kSizes.begin()), kSizes.size() - 1);
  const std::chrono::duration<double> seconds(took);
  const MutexLock lock(mutex_);
  largest_bytes_ = std::max(largest_bytes_, bytes);
  if (classes_[size] == nullptr) classes_[size] = std::make_unique<Class>(now);
  Class& same_size = *classes_[size];
  std::optional<Exceeded> exceeded;
  if (same_size.reads >= kReadsMin) {
    exceeded.emplace();
    for (size_t i = 0; i < kQuantiles.size(); ++i) {
      (*exceeded)[i] = seconds.count() > *same_size.times.quantile_seconds(kQuantiles[i]);
    }
  }
  same_size.times.add(took, now);
  ++same_size.reads;
  return exceeded;
}

std::optional<double> ReadTimes::quantile_seconds(size_t size, size_t quantile) const {
  const MutexLock lock(mutex_);
  if (classes_[size] == nullptr) return std::nullopt;
  return classes_[size]->times.quantile_seconds(kQuantiles[quantile]);
}

uint64_t ReadTimes::largest_bytes() const {
  const MutexLock lock(mutex_);
  return largest_bytes_;
}

}  // namespace cachey::origin
