#include "api/s3/outages.h"

namespace cachey::api::s3 {

bool Outages::may_ask(std::string_view bucket, MonoTime now) {
  const MutexLock lock(mutex_);
  Failing* const failing = failing_.find(bucket);
  if (failing == nullptr || failing->failures < kFailuresMin) return true;
  if (now < failing->ask_at) return false;
  failing->ask_at = now + kAskEvery;
  return true;
}

bool Outages::failed(std::string_view bucket, MonoTime now) {
  const MutexLock lock(mutex_);
  Failing* const failing = failing_.find_or_add(bucket);
  if (failing == nullptr || failing->failures == kFailuresMin) return false;
  failing->ask_at = now + kAskEvery;
  return ++failing->failures == kFailuresMin;
}

bool Outages::answered(std::string_view bucket) {
  const MutexLock lock(mutex_);
  const Failing* const failing = failing_.find(bucket);
  if (failing == nullptr) return false;
  const bool was_out = failing->failures == kFailuresMin;
  (void)failing_.erase(bucket);
  return was_out;
}

size_t Outages::buckets_out() const {
  const MutexLock lock(mutex_);
  size_t out = 0;
  failing_.visit_newest(kKept.entries, [&out](const std::string&, const Failing& failing) {
    if (failing.failures == kFailuresMin) ++out;
  });
  return out;
}

}  // namespace cachey::api::s3
