#include "store/disk/health.h"

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
  probes_.went_out(now);
  return true;
}

bool DiskHealth::take_probe(MonoTime now) {
  if (online()) return false;
  const MutexLock lock(mutex_);
  if (probing_ || now < probes_.next()) return false;
  probing_ = true;
  return true;
}

void DiskHealth::probe_succeeded(MonoTime now) {
  const MutexLock lock(mutex_);
  probes_.returned(now);
  probing_ = false;
  failures_ = 0;
  online_.store(true, std::memory_order_relaxed);
}

void DiskHealth::probe_failed(MonoTime now) {
  const MutexLock lock(mutex_);
  probing_ = false;
  probes_.probe_failed(now);
}

}  // namespace cachey::store
