#include "api/s3/part_bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cachey::api::s3 {

/// Neither names of buckets nor keys have a NUL.
std::string part_name(const ObjectSource& version, std::string_view key, uint32_t number) {
  return fmt::format("{}{}{}{}{}{}{:x}{}{}", version.bucket, '\0', key, '\0', version.info.etag,
                     '\0', version.info.size, '\0', number);
}

AgedMapLimits PartBounds::limits_of(uint64_t bytes_max) {
  const uint64_t entries = std::max<uint64_t>(bytes_max / (kEntryBytes + kKeyBytes), 1);
  return {.entries = entries, .key_bytes = entries * kKeyBytes};
}

PartBounds::PartBounds(uint64_t bytes_max, std::function<void(int64_t)> charge)
    : charge_(std::move(charge)), places_(limits_of(bytes_max)) {}

PartBounds::~PartBounds() { charge_(-static_cast<int64_t>(bytes())); }

std::optional<PartPlace> PartBounds::find(const ObjectSource& version, std::string_view key,
                                          uint32_t number) {
  const std::string own = part_name(version, key, number);
  const std::string all = part_name(version, key, 0);
  const MutexLock lock(mutex_);
  if (const PartPlace* place = places_.find(own)) return *place;
  if (const PartPlace* place = places_.find(all)) return *place;
  return std::nullopt;
}

void PartBounds::note(const ObjectSource& version, std::string_view key, uint32_t number,
                      PartPlace place) {
  using enum PartPlace::Form;
  if (place.form == kNone) return;
  const std::string name = part_name(version, key, place.form == kWhole ? 0 : number);
  int64_t change = 0;
  {
    const MutexLock lock(mutex_);
    const auto before = static_cast<int64_t>(bytes_of(places_));
    places_.set(name, place);
    change = static_cast<int64_t>(bytes_of(places_)) - before;
  }
  if (change != 0) charge_(change);
}

size_t PartBounds::entries() const {
  const MutexLock lock(mutex_);
  return places_.size();
}

uint64_t PartBounds::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_of(places_);
}

}  // namespace cachey::api::s3
