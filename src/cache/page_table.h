#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "cache/object_index.h"
#include "cache/object_key.h"
#include "cache/page.h"

namespace cachey::cache {

/// Who has which page, and who is getting it: object -> version and pages. Every page in it that
/// knows its version is of the object's current version: when an answer of a newer version comes
/// in, the pages of the old one are dropped. Sharded by object; a look-up is one short lock. Owned
/// by the cache. Any thread; nothing is called with a shard's mutex held.
class PageTable {
 public:
  explicit PageTable(store::MemoryTier& memory) : memory_(memory) {}
  ~PageTable();

  struct Found {
    PagePtr page;
    bool created = false;  ///< the caller must start its fill
  };

  /// The page, made now where it is not there. `order`: of a fill for it.
  [[nodiscard]] Found find_or_create(const FetchSpecPtr& spec, uint32_t index, FillOrder order);

  /// The object will be looked up: its entry is fetched into the CPU's caches meanwhile. Lock-free.
  void prefetch(KeyView key) LOCK_FREE;

  /// The page, or null.
  [[nodiscard]] PagePtr find(KeyView key, uint32_t index);

  /// The page is in the table: it is, or may become, one of the object's current version.
  [[nodiscard]] bool has(const Page& page);

  /// The object's current version as far as its pages tell; null: not at all.
  [[nodiscard]] ObjectSourcePtr current(KeyView key);
  /// Its size.
  [[nodiscard]] std::optional<uint64_t> object_size(KeyView key);

  /// Takes the page out, if it is (still) there.
  void remove(Page& page);

  /// Numbers origin requests in the order they are sent; see observe().
  [[nodiscard]] uint64_t next_request() { return request_.fetch_add(1, std::memory_order_relaxed); }

  /// `page`'s fill has learnt its object's version from the answer to request number `request`. The
  /// version of the latest request wins: pages of any other version are dropped, `page` itself
  /// where it is the stale one. Returns the source to use, shared with other pages where it is the
  /// same.
  [[nodiscard]] ObjectSourcePtr observe(Page& page, ObjectSourcePtr source, uint64_t request);

  /// The disk has `page` in that version. Returns the source to use; null where the object's
  /// current version is another one.
  [[nodiscard]] ObjectSourcePtr adopt(Page& page, const ObjectSourcePtr& source);

  /// Takes a page out that is on disk, has nothing in memory and no reader; does nothing to others.
  void remove_if_idle(Page& page);

  /// All pages that are whole in memory.
  [[nodiscard]] std::vector<PagePtr> whole_pages() const;

  /// The object is known to have changed, its new version not: drops all its pages but those that
  /// do not know their version yet.
  void drop_known(KeyView key);

  [[nodiscard]] size_t objects() const;

 private:
  struct alignas(kCacheLineBytes) Shard {
    mutable Mutex mutex;
    ObjectIndex objects GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 64;

  [[nodiscard]] Shard& shard_of(uint64_t hash) { return shards_[hash >> 58]; }
  /// This very page is in the table, as one of `object` (null: it is not).
  [[nodiscard]] static bool holds(const IndexedObject* object, const Page& page) {
    return object != nullptr && object->find(page.index()) == &page;
  }
  /// Takes out the pages of another version than `current` (null: all that know theirs).
  [[nodiscard]] static std::vector<PagePtr> take_stale(IndexedObject& object,
                                                       const ObjectSource* current);

  store::MemoryTier& memory_;
  std::atomic<uint64_t> request_{1};
  std::array<Shard, kShards> shards_;
  static_assert(kShards == 1 << (64 - 58));
};

}  // namespace cachey::cache
