#include "cache/absences.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace cachey::cache {
namespace {

/// A key made of all that the answer depends on; different specs have different names.
std::string name_of(const FetchSpec& spec) {
  std::string name;
  const auto add = [&name](const std::string& part) {
    const uint64_t size = part.size();
    name.append(reinterpret_cast<const char*>(&size), sizeof size);
    name += part;
  };
  add(spec.key.kind);
  add(spec.key.object);
  for (const std::string& bucket : spec.buckets) add(bucket);
  return name;
}

}  // namespace

std::optional<Absence> Absences::find(const FetchSpec& spec) {
  if (ttl_.count() == 0) return std::nullopt;
  const std::string name = name_of(spec);
  const MutexLock lock(mutex_);
  const Absence* const found = known_.find(name);
  if (found == nullptr || found->asked_at + ttl_ <= clock_.mono()) return std::nullopt;
  hits_.add();
  return *found;
}

void Absences::learn(const FetchSpec& spec, const Error& error, MonoTime asked_at) {
  if (error.kind() != ErrorKind::kNotFound || asked_at + ttl_ <= clock_.mono()) return;
  const std::string name = name_of(spec);
  const MutexLock lock(mutex_);
  Absence* const known = known_.find_or_add(name, error, asked_at);
  if (known != nullptr) known->asked_at = std::max(known->asked_at, asked_at);
}

void Absences::forget(const FetchSpec& spec) {
  if (ttl_.count() == 0) return;
  const std::string name = name_of(spec);
  const MutexLock lock(mutex_);
  (void)known_.erase(name);
}

}  // namespace cachey::cache
