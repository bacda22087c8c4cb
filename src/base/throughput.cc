#include "base/throughput.h"

#include <algorithm>

namespace cachey {

void Throughput::sample() {
  const MutexLock lock(mutex_);
  ++taken_;
  samples_[taken_ % samples_.size()] = total();
}

double Throughput::rate(size_t seconds) const {
  const MutexLock lock(mutex_);
  const size_t over = std::min(seconds, taken_);  // sample 0 is the start: zero bytes
  const uint64_t now = samples_[taken_ % samples_.size()];
  const uint64_t then = samples_[(taken_ - over) % samples_.size()];
  return static_cast<double>(now - then) / static_cast<double>(seconds);
}

}  // namespace cachey
