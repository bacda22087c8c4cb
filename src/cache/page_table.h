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

/// Maps objects to their version and pages, which are whole or being fetched. Every page in the
/// table that knows its version has the object's current version: when an answer brings a newer
/// version, the pages of the old one are dropped. Sharded by object; a look-up takes one short
/// lock. Owned by the cache. Any thread. No other object's lock is taken under a shard's mutex.
class PageTable {
 public:
  explicit PageTable(store::MemoryTier& memory) : memory_(memory) {}
  ~PageTable();

  struct Found {
    PagePtr page;
    bool created = false;  ///< the caller must start the page's fill
  };

  /// The page; makes the page if it is not in the table. `order`: for the fill of a new page.
  [[nodiscard]] Found find_or_create(const FetchSpecPtr& spec, uint32_t index, FillOrder order);

  /// Prefetches the object's entry for a look-up to come. Lock-free.
  void prefetch(KeyView key) LOCK_FREE;

  /// The page, or null.
  [[nodiscard]] PagePtr find(KeyView key, uint32_t index) { return find(key, key.hash(), index); }
  /// `hash`: that of `key`.
  [[nodiscard]] PagePtr find(KeyView key, uint64_t hash, uint32_t index);

  /// The page is in the table: it has the object's current version, or does not know its version
  /// yet.
  [[nodiscard]] bool has(const Page& page);

  /// The object's current version; null: not known.
  [[nodiscard]] ObjectSourcePtr current(KeyView key);
  /// The object's size; nothing: not known.
  [[nodiscard]] std::optional<uint64_t> object_size(KeyView key);

  /// Takes the page out, if it is still in the table.
  void remove(Page& page);

  /// `page`'s fill got the object's version from the answer to a request that was sent at
  /// `sent_at`. The version of the request that was sent last wins; of two that were sent at the
  /// same time, the one that was observed last. Pages of other versions are dropped, and so is
  /// `page` if its version is the older one. Returns the source to use: the shared one if version
  /// and bucket are the same.
  [[nodiscard]] ObjectSourcePtr observe(Page& page, ObjectSourcePtr source, MonoTime sent_at);

  /// The answer to a request that was sent at `sent_at` says that the object ends at or before
  /// `offset`. True: the known version reaches past `offset` and is not from a later request, so
  /// the object has changed to an unknown version: its pages that know their version are dropped.
  [[nodiscard]] bool observe_end(KeyView key, uint64_t offset, MonoTime sent_at);

  /// The disk has `page` in the version of `source`. Returns the source to use; null if the
  /// object's current version is another one, or if the page has left the table.
  [[nodiscard]] ObjectSourcePtr adopt(Page& page, const ObjectSourcePtr& source);

  /// Takes the page out if it is on disk, has no pieces and no reader; else does nothing.
  void remove_if_idle(Page& page);

  /// All pages whose phase is kWhole.
  [[nodiscard]] std::vector<PagePtr> whole_pages() const;

  /// The object has changed to an unknown version: drops all its pages that know their version.
  void drop_known(KeyView key);

  [[nodiscard]] size_t objects() const;

 private:
  struct alignas(kCacheLineBytes) Shard {
    mutable Mutex mutex;
    ObjectIndex objects GUARDED_BY(mutex);
  };
  static constexpr unsigned kShardBits = 6;
  static constexpr size_t kShards = size_t{1} << kShardBits;

  /// By the hash's highest bits: ObjectIndex uses the lowest ones.
  [[nodiscard]] Shard& shard_of(uint64_t hash) { return shards_[hash >> (64 - kShardBits)]; }
  /// Whether `object`, which may be null, holds this very page.
  [[nodiscard]] static bool holds(const IndexedObject* object, const Page& page) {
    return object != nullptr && object->find(page.index()) == &page;
  }
  /// Takes out the pages of other versions than `current`; null: all pages that know their version.
  [[nodiscard]] static std::vector<PagePtr> take_stale(IndexedObject& object,
                                                       const ObjectSource* current);

  store::MemoryTier& memory_;
  std::array<Shard, kShards> shards_;
};

}  // namespace cachey::cache
