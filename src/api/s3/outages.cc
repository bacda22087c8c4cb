#include "api/s3/outages.h"

#include <utility>

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
  Failing* const failing = failing_.find(bucket);
  if (failing == nullptr) return false;
  const bool was_out = std::exchange(failing->failures, 0) == kFailuresMin;
  if (!failing->waits) (void)failing_.erase(bucket);
  return was_out;
}

bool Outages::may_wait(std::string_view bucket) {
  const MutexLock lock(mutex_);
  Failing* const failing = failing_.find_or_add(bucket);
  return failing != nullptr && !std::exchange(failing->waits, true);
}

void Outages::ended_wait(std::string_view bucket) {
  const MutexLock lock(mutex_);
  Failing* const failing = failing_.find(bucket);
  if (failing == nullptr) return;  // forgotten meanwhile
  failing->waits = false;
  if (failing->failures == 0) (void)failing_.erase(bucket);
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
