#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/s3/part_place.h"
#include "base/aged_map.h"
#include "base/mutex.h"
#include "base/object_info.h"

namespace cachey::api::s3 {

/// The places of parts of objects. What is known of a part belongs to one version, by bucket, key,
/// tag and size, so it never becomes wrong; parts of old versions age away. Bounded by bytes, which
/// are charged to the pages' memory; past the bound the part that was not asked for the longest
/// time is forgotten. Owned by the endpoint. Any thread.
class PartBounds {
 public:
  /// `bytes_max`: of all entries, about. `charge`: see MemoryTier::charge(); any thread.
  PartBounds(uint64_t bytes_max, std::function<void(int64_t bytes)> charge);
  ~PartBounds();
  PartBounds(const PartBounds&) = delete;
  PartBounds& operator=(const PartBounds&) = delete;

  [[nodiscard]] std::optional<PartPlace> find(const ObjectSource& version, std::string_view key,
                                              uint32_t number) EXCLUDES(mutex_);
  /// Remembers `place`, but not that there is no such part. kWhole is true for all parts of the
  /// version.
  void note(const ObjectSource& version, std::string_view key, uint32_t number, PartPlace place)
      EXCLUDES(mutex_);

  [[nodiscard]] size_t entries() const EXCLUDES(mutex_);
  [[nodiscard]] uint64_t bytes() const EXCLUDES(mutex_);

 private:
  /// An entry, without its key's text: see AgedMapLimits.
  static constexpr uint64_t kEntryBytes = sizeof(PartPlace) + 100;
  /// The text of a key, typically.
  static constexpr uint64_t kKeyBytes = 120;

  using Map = AgedMap<PartPlace>;

  [[nodiscard]] static AgedMapLimits limits_of(uint64_t bytes_max);
  [[nodiscard]] static uint64_t bytes_of(const Map& map) {
    return map.size() * kEntryBytes + map.key_bytes();
  }

  const std::function<void(int64_t)> charge_;
  mutable Mutex mutex_;
  Map places_ GUARDED_BY(mutex_);
};

/// The name of a part in tables; number 0: all parts of the version.
[[nodiscard]] std::string part_name(const ObjectSource& version, std::string_view key,
                                    uint32_t number);

}  // namespace cachey::api::s3
