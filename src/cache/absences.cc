#include "cache/absences.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

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

/// The first part of what name_of() has made of some; cuts it off.
std::string_view take_part(std::string_view& name) {
  uint64_t size = 0;
  std::memcpy(&size, name.data(), sizeof size);
  const std::string_view part = name.substr(sizeof size, size);
  name.remove_prefix(sizeof size + size);
  return part;
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

void Absences::forget(const KeyScope& scope) {
  if (ttl_.count() == 0) return;
  const MutexLock lock(mutex_);
  known_.erase_if([&scope](std::string_view name, const Absence&) {
    const std::string_view kind = take_part(name);
    const std::string_view object = take_part(name);
    return scope.has(kind, object);
  });
}

}  // namespace cachey::cache
