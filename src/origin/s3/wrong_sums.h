#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "origin/s3/learned.h"

namespace cachey::origin {

/// Objects with a wrong announced checksum: the same bytes came twice and had another one. The
/// checksums of such an object are ignored. After kObjectsMax such objects, all checksums of the
/// bucket are ignored. The bucket is forgotten kLookAgainAfter its first such object, because a
/// store may have been mended. Bounds on buckets: Learned::kNames. Any thread.
class WrongSums {
 public:
  static constexpr size_t kObjectsMax = 4;
  static constexpr std::chrono::minutes kLookAgainAfter{10};

  enum class Found : uint8_t {
    kKnown,   ///< the sum was ignored already
    kObject,  ///< from now on the object's sums are ignored
    kBucket,  ///< from now on the bucket's sums are ignored
  };

  [[nodiscard]] bool ignores(std::string_view bucket, std::string_view key, MonoTime now) {
    if (empty_.load(std::memory_order_relaxed)) return false;
    const MutexLock lock(mutex_);
    const Bucket* const known = buckets_.find(bucket);
    return known != nullptr && !is_old(*known, now) && known->ignores(hash_of(key));
  }

  Found add(std::string_view bucket, std::string_view key, MonoTime now) {
    const MutexLock lock(mutex_);
    Bucket* const known = buckets_.find_or_add(bucket);
    if (known == nullptr) return Found::kObject;  // the name is too long to be remembered
    empty_.store(false, std::memory_order_relaxed);
    if (known->count == 0 || is_old(*known, now)) *known = Bucket{.since = now};
    const size_t hash = hash_of(key);
    if (known->ignores(hash)) return Found::kKnown;
    known->objects[known->count++] = hash;
    return known->count == kObjectsMax ? Found::kBucket : Found::kObject;
  }

 private:
  struct Bucket {
    [[nodiscard]] bool ignores(size_t object) const {
      const auto* const end = objects.begin() + count;
      return count == kObjectsMax || std::find(objects.begin(), end, object) != end;
    }
    MonoTime since{};
    std::array<size_t, kObjectsMax> objects{};  // hashes of keys
    size_t count = 0;
  };

  [[nodiscard]] static size_t hash_of(std::string_view key) {
    return std::hash<std::string_view>()(key);
  }
  [[nodiscard]] static bool is_old(const Bucket& bucket, MonoTime now) {
    return now - bucket.since >= kLookAgainAfter;
  }

  std::atomic<bool> empty_{true};  // ignores() takes no lock while there is nothing
  Mutex mutex_;
  AgedMap<Bucket> buckets_ GUARDED_BY(mutex_){Learned<bool>::kNames};
};

}  // namespace cachey::origin
