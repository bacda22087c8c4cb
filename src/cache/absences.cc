#include "cache/absences.h"

#include <algorithm>
#include <cstdint>
#include <utility>

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

std::optional<Error> Absences::find(const FetchSpec& spec) {
  if (ttl_.count() == 0) return std::nullopt;
  const std::string name = name_of(spec);
  const MutexLock lock(mutex_);
  const auto found = known_.find(name);
  if (found == known_.end() || found->second.until <= clock_.mono()) return std::nullopt;
  hits_.add();
  return found->second.error;
}

void Absences::learn(const FetchSpec& spec, const Error& error, MonoTime asked_at) {
  const MonoTime now = clock_.mono();
  const MonoTime until = asked_at + ttl_;
  if (error.kind() != ErrorKind::kNotFound || until <= now) return;
  std::string name = name_of(spec);
  const MutexLock lock(mutex_);
  make_room(now);
  const auto [known, is_new] = known_.try_emplace(name, Absence(error, until));
  if (is_new) {
    order_.push_back(std::move(name));
  } else {
    known->second.until = std::max(known->second.until, until);
  }
}

void Absences::make_room(MonoTime now) {
  while (!order_.empty()) {
    const auto oldest = known_.find(order_.front());
    if (oldest->second.until > now && order_.size() < kKeptMax) return;
    known_.erase(oldest);
    order_.pop_front();
  }
}

}  // namespace cachey::cache
