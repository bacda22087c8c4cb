#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/cache_line.h"
#include "base/mutex.h"
#include "base/object_attributes.h"

namespace cachey {

/// Finds objects with the same attributes, so that these share one block of memory: most objects of
/// a bucket do. The pool keeps no block alive. An entry takes about 200 bytes beside its text, and
/// entries without a block are swept by later calls: there are at most about as many of them as
/// there were blocks at one time. Owned by app::Process; blocks may outlive the pool. Any thread.
class AttributesPool {
 public:
  AttributesPool();
  AttributesPool(const AttributesPool&) = delete;
  AttributesPool& operator=(const AttributesPool&) = delete;

  /// The shared block with the text of `attributes`. Never null.
  [[nodiscard]] ObjectAttributesPtr intern(const ObjectAttributes& attributes);

  /// With those that are not swept yet. Takes all locks in turn.
  [[nodiscard]] size_t entries() const;

 private:
  // Many: a start with a disk interns from all threads at once.
  static constexpr size_t kShards = 64;

  class alignas(kCacheLineBytes) Shard {
   public:
    [[nodiscard]] ObjectAttributesPtr intern(const ObjectAttributes& attributes, uint64_t hash);
    [[nodiscard]] size_t entries() const;

   private:
    void sweep() REQUIRES(mutex_);

    mutable Mutex mutex_;
    // By a hash with a secret seed. Two texts with one hash: the second one is not shared.
    std::unordered_map<uint64_t, std::weak_ptr<const ObjectAttributes>> blocks_ GUARDED_BY(mutex_);
    size_t swept_to_ GUARDED_BY(mutex_) = 0;  // the next bucket of `blocks_` to sweep
  };

  const uint64_t seed_;
  std::array<Shard, kShards> shards_;
};

}  // namespace cachey
