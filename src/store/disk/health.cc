#include "store/disk/health.h"

#include <algorithm>

namespace cachey::store {

bool DiskHealth::failed(MonoTime now) {
  const MutexLock lock(mutex_);
  if (failures_ == 0 || now - window_began_ > kWindow) {
    failures_ = 0;
    window_began_ = now;
    successes_.store(0, std::memory_order_relaxed);
  }
  ++failures_;
  if (failures_ < kFailuresMax || failures_ < successes_.load(std::memory_order_relaxed)) {
    return false;
  }
  return go_offline(now);
}

bool DiskHealth::take_offline(MonoTime now) {
  const MutexLock lock(mutex_);
  return go_offline(now);
}

bool DiskHealth::go_offline(MonoTime now) {
  if (!online()) return false;
  online_.store(false, std::memory_order_relaxed);
  const bool flaps = online_again_ && now - *online_again_ < kSteadyAfter;
  probe_after_ = flaps ? std::min(probe_after_ * 2, kProbeAfterMax) : kProbeAfter;
  next_probe_ = now + probe_after_;
  return true;
}

bool DiskHealth::take_probe(MonoTime now) {
  if (online()) return false;
  const MutexLock lock(mutex_);
  if (probing_ || now < next_probe_) return false;
  probing_ = true;
  return true;
}

void DiskHealth::probe_succeeded(MonoTime now) {
  const MutexLock lock(mutex_);
  online_again_ = now;
  probing_ = false;
  failures_ = 0;
  online_.store(true, std::memory_order_relaxed);
}

void DiskHealth::probe_failed(MonoTime now) {
  const MutexLock lock(mutex_);
  probing_ = false;
  probe_after_ = std::min(probe_after_ * 2, kProbeAfterMax);
  next_probe_ = now + probe_after_;
}

}  // namespace cachey::store
