#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/key_scope.h"
#include "base/mutex.h"
#include "cache/heads.h"
#include "cache/object_index.h"
#include "cache/object_key.h"
#include "cache/page.h"
#include "cache/purge_walk.h"

namespace cachey::cache {

/// Maps objects to their versions and pages, which are whole or being fetched. Every page in the
/// table that knows its version has one of the object's versions (ObjectVersions): when an answer
/// brings a newer version, the pages of the old one are dropped. Sharded by object; a look-up takes
/// one short lock. Owned by the cache. Any thread. No other object's lock is taken under a shard's
/// mutex.
class PageTable {
 public:
  /// `heads`: gets each answer's version and attributes; null: they are not kept. `pins`: the pages
  /// that are kept; null: none.
  explicit PageTable(store::MemoryTier& memory, Heads* heads = nullptr,
                     const store::PinRules* pins = nullptr)
      : memory_(memory), heads_(heads), pins_(pins) {}
  ~PageTable();

  struct Found {
    PagePtr page;
    bool created = false;  ///< the caller must start the page's fill
  };

  /// The page; makes the page if it is not in the table. `order`: for the fill of a new page.
  [[nodiscard]] Found find_or_create(const FetchSpecPtr& spec, uint32_t index, FillOrder order);

  // Parts of pages, for exact readers (page_parts.cc). The parts of a page have no byte in common.
  // Once the page itself is whole, it replaces its parts.

  /// An island: fewer bytes than this, present between missing ones. An island is fetched again, to
  /// save a request: at 90 MB/s its bytes take less than a millisecond, and an answer of the store
  /// takes tens of milliseconds.
  static constexpr uint64_t kIslandBytesMax = 64 * kKiB;
  /// A page has at most one part for each kBytesPerPart of its size: that many small parts take
  /// about as much memory as the page.
  static constexpr uint64_t kBytesPerPart = 8 * kKiB;

  /// The part with the object's byte at `position`, which is in page `index`; or the page, if its
  /// head has come or no part has the byte. Null: neither is in the table.
  [[nodiscard]] PagePtr find_for_exact(KeyView key, uint64_t hash, uint32_t index,
                                       uint64_t position);
  /// As find_for_exact(); makes a part if there is none. The new part ends before the next part,
  /// unless that one is an island, which leaves the table. No page in the result: the page already
  /// has the most parts allowed. `wanted`: in page `index`.
  [[nodiscard]] Found find_or_create_part(const FetchSpecPtr& spec, uint32_t index,
                                          ByteRange wanted);
  /// Makes a part at this place. Null: other parts have some of these bytes, or there are too many
  /// parts.
  [[nodiscard]] PagePtr create_part(const FetchSpecPtr& spec, uint32_t index, ByteRange place);
  /// The parts of the page, in order.
  [[nodiscard]] std::vector<PagePtr> parts(KeyView key, uint32_t index);
  /// `page` is whole, so its parts leave the table, unless the page has left the table.
  void drop_parts(const Page& page);

  /// The look at the object under way (see Fills::look); makes one if there is none. The look's
  /// page is not one of the object's pages, so no look-up finds it. remove() ends the look.
  [[nodiscard]] Found look(const FetchSpecPtr& spec);
  /// The same for the fetch of the object's last `bytes`, which are not 0 (see Fills::tail). Its
  /// page is a part with the place [0, bytes).
  [[nodiscard]] Found tail(const FetchSpecPtr& spec, uint64_t bytes);

  /// Prefetches the object's entry for a look-up to come. Lock-free.
  void prefetch(KeyView key) { prefetch(key.hash()); }
  /// `hash`: the object's.
  void prefetch(uint64_t hash) LOCK_FREE;

  /// The page, or null.
  [[nodiscard]] PagePtr find(KeyView key, uint32_t index) { return find(key, key.hash(), index); }
  /// `hash`: that of `key`.
  [[nodiscard]] PagePtr find(KeyView key, uint64_t hash, uint32_t index);

  /// The page is in the table: it has one of the object's versions, or does not know its version
  /// yet. A look or tail: it is the one under way.
  [[nodiscard]] bool has(const Page& page);

  /// The version that says how large the object is; null: not known.
  [[nodiscard]] ObjectSourcePtr ruling(KeyView key);
  /// The object's versions, one a bucket, the ruling one first. Empty: none is known.
  [[nodiscard]] std::vector<ObjectSourcePtr> versions(KeyView key);
  /// The ruling version, and the time Head::confirmed_at.
  [[nodiscard]] Head ruling_head(KeyView key, uint64_t hash);
  /// The object's version in the bucket; null: not known.
  [[nodiscard]] ObjectSourcePtr version_in(KeyView key, std::string_view bucket);
  /// The object's size; nothing: not known.
  [[nodiscard]] std::optional<uint64_t> object_size(KeyView key);

  // For purges (page_removal.cc). Pages that are taken out are never found again. Their fills go on
  // for the readers that hold them, and keep nothing.

  /// Takes the object of `scope` out, with its versions, looks and tails. The caller discards the
  /// pages.
  [[nodiscard]] std::vector<PagePtr> take_object(const KeyScope& scope);
  /// Takes the looks and tails of the objects of `scope` out. REQUIRES: it is one object.
  [[nodiscard]] std::vector<PagePtr> take_looks(const KeyScope& scope);
  /// One step of a walk that takes the objects of `scope` out. Appends their pages to `out`. False:
  /// the walk has met all objects that were in the table when the walk began.
  [[nodiscard]] bool take_some(const KeyScope& scope, TableWalk& walk, std::vector<PagePtr>& out);

  /// One step of a walk over all objects. Appends their pages and parts to `out`, grouped by
  /// object. False: the walk has met all pages that were in the table during the whole walk.
  [[nodiscard]] bool look_at_some(LookWalk& walk, std::vector<PagePtr>& out);
  /// A walk over one object: `large` is empty at its end, or if the object is not in the table.
  [[nodiscard]] LookWalk walk_of(KeyView key);

  /// Results of earlier searches of the disk or the table are not valid any more.
  void note_purge() { purges_.fetch_add(1); }
  /// The number of note_purge() calls.
  [[nodiscard]] uint64_t purges() const { return purges_.load(); }

  /// Takes the page out, if it is still in the table.
  void remove(Page& page);

  struct Observed {
    ObjectSourcePtr source;     ///< to be used: the shared one if the version is known
    ObjectSourcePtr contested;  ///< the ruling version that `source` contests; null: it does not
  };
  /// `page`'s fill got a version from the answer to a request that was sent at `sent_at`.
  /// ObjectVersions::observe decides what happens to the object's pages.
  [[nodiscard]] Observed observe(Page& page, ObjectSourcePtr source, MonoTime sent_at);

  /// As observe(), for a look or a tail. `look` is not one of the object's pages, so it never stays
  /// in the table. If the object has no pages in the table, nothing is recorded there.
  [[nodiscard]] Observed observe_look(const Page& look, ObjectSourcePtr source, MonoTime sent_at);

  /// The answer of `bucket` to a request that was sent at `sent_at` says that the object ends at or
  /// before `offset`. If the bucket's known version reaches past `offset` and is not from a later
  /// request, the bucket no longer has that version: returns the version, for forget(). Else null.
  /// The home bucket's answer counts against any ruling version.
  [[nodiscard]] ObjectSourcePtr ended_by(KeyView key, std::string_view bucket, uint64_t offset,
                                         MonoTime sent_at);

  /// The bucket no longer has this version: drops the version's pages; if the bucket ruled, all
  /// pages of the object that know their version.
  ObjectVersions::Forgotten forget(KeyView key, const ObjectSource& gone);

  /// `bucket` does not have the object, by the answer to a request that was sent at `sent_at`:
  /// tells the heads. The pages go by ended_by() and forget().
  void note_absence(KeyView key, std::string_view bucket, MonoTime sent_at) const {
    if (heads_ != nullptr) heads_->note_absence(key, key.hash(), bucket, sent_at);
  }

  /// A version of the object is known: it has pages that know it, or a head.
  [[nodiscard]] bool knows(KeyView key);

  /// The disk has `page` in the version of `source`. Returns the source to use; null if the page
  /// does not fit the object's versions, or has left the table.
  [[nodiscard]] ObjectSourcePtr adopt(Page& page, ObjectSourcePtr source);

  /// The disk has pages of this version, which rules unless another version rules already. Does
  /// nothing if no page of the object is in the table, or if a purge may have removed the version
  /// since the disk was asked. `purges`: purges() before that.
  void learn(KeyView key, ObjectSourcePtr on_disk, uint64_t purges);

  /// Takes the page out if it is on disk, has no pieces and no reader; else does nothing.
  void remove_if_idle(Page& page);

  /// All pages and parts whose phase is kWhole.
  [[nodiscard]] std::vector<PagePtr> whole_pages() const;

  [[nodiscard]] size_t objects() const;

 private:
  struct alignas(kCacheLineBytes) Shard {
    mutable Mutex mutex;
    ObjectIndex objects GUARDED_BY(mutex);
    std::vector<PagePtr> looks GUARDED_BY(mutex);  // under way, and tails: few
  };
  static constexpr unsigned kShardBits = 6;
  static constexpr size_t kShards = size_t{1} << kShardBits;

  /// By the hash's highest bits: ObjectIndex uses the lowest ones.
  [[nodiscard]] Shard& shard_of(uint64_t hash) { return shards_[hash >> (64 - kShardBits)]; }
  /// Whether `object`, which may be null, holds this very page.
  [[nodiscard]] static bool holds(const IndexedObject* object, const Page& page) {
    return object != nullptr && object->holds(page);
  }
  [[nodiscard]] static Page* find_for_exact(const IndexedObject& object, uint32_t index,
                                            uint64_t position);
  [[nodiscard]] static std::vector<PagePtr> take_looks(Shard& shard, const KeyScope& scope)
      REQUIRES(shard.mutex);
  [[nodiscard]] Found question(const FetchSpecPtr& spec, uint64_t tail_bytes);
  /// A page that was made: PinRules may name it.
  void settle_keep(Page& page) const;
  static bool look_at(const IndexedObject& object, LookWalk& walk, std::vector<PagePtr>& out);
  struct Gap;
  enum class Take : uint8_t { kSome, kAll };
  [[nodiscard]] Found find_or_create_part(const FetchSpecPtr& spec, uint32_t index,
                                          ByteRange wanted, Take take);
  [[nodiscard]] static Gap gap_of(const IndexedObject& object, uint32_t index, ByteRange wanted);
  /// Does what `verdict` says of `page` and the object's pages. Returns those that were taken out.
  [[nodiscard]] static std::vector<PagePtr> apply(VersionVerdict verdict, Shard& shard,
                                                  IndexedObject& object, Page& page,
                                                  const ObjectSourcePtr& source)
      REQUIRES(shard.mutex);
  /// Takes out the pages of versions that are not the object's.
  [[nodiscard]] static std::vector<PagePtr> take_stale(IndexedObject& object);

  /// `source` is the object's version in its bucket from now on, by the answer for `page`.
  void note(const Page& page, uint64_t hash, ObjectSourcePtr source, MonoTime sent_at);

  store::MemoryTier& memory_;
  Heads* const heads_;
  const store::PinRules* const pins_;
  std::atomic<uint64_t> purges_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace cachey::cache
