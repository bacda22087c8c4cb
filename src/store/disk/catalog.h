#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_range.h"
#include "base/hash.h"
#include "base/key_scope.h"
#include "store/disk/entry.h"
#include "store/disk/extent_allocator.h"
#include "store/disk/journal.h"
#include "store/disk/kept_entries.h"
#include "store/disk/placement.h"
#include "store/disk/stored_attributes.h"
#include "store/disk/unknown_blocks.h"
#include "store/disk/version_change.h"
#include "store/linear_table.h"
#include "store/s3_fifo_queue.h"
#include "store/use_count.h"

namespace cachey::store {

struct CatalogLimits {
  uint32_t first_unit = 0;  ///< the first unit for pages and journal
  uint32_t end_unit = 0;
  /// Past it pages are evicted. The tables of the space count, but at least half of the limit is
  /// left to pages.
  size_t memory_bytes_max = SIZE_MAX;
};

/// The index of the pages on disk: look-up, space, eviction. An object's pages may come from a few
/// buckets. Those of one bucket have one version, which is kept once, and all have one size
/// (ObjectSource::same_version). A page of another version supersedes the pages that cannot stand
/// beside it: they are not found any more, whatever their number, and are removed in steps. Each
/// change adds a record to the journal.
///
/// Parts of pages are entries as pages are. The table has all parts of an object that begin in one
/// block of 64 KiB in one chain; kPartsMax bounds their number, so a search for the parts of a
/// range is short. If a page or part is listed, the parts with only bytes of it go.
///
/// What an answer says beside the version (ObjectInfo::attributes, last_modified) is that of the
/// newest answer that was observed. The journal gets newer answers in batches, by record_answers():
/// so attributes that differ in each answer cost a record a batch. At most kNewerAnswersMax objects
/// wait; past it an answer is recorded at once, or forgotten if the journal takes no more.
///
/// Bounded steps: a call removes at most kStepRemovals pages, besides those that its arguments
/// name. No table grows in one piece.
///
/// Space: a placement that finds no run of units evicts the policy's choice. Once the victims had
/// the units of a chunk and that did not do, or more than 1/32 of all units are free, the emptiest
/// chunk is emptied, whatever its pages' uses. So a page of 16 MiB evicts at most about twice its
/// size; what is evicted beyond it stays free for small pages. prepare() keeps some chunks free
/// ahead of placements.
///
/// Kept entries are unknown to the policy as long as KeptEntries has room.
///
/// Not synchronized: the tier's mutex guards the catalog. Does no I/O.
class Catalog {
 public:
  /// The most buckets that the pages of an object come from. A further bucket's pages supersede
  /// those of another bucket.
  static constexpr size_t kBucketsMax = 8;
  /// The most parts that begin in one block of 64 KiB. Each takes a unit, so more of them would
  /// take more space than the block.
  static constexpr size_t kPartsMax = kUnitsPerBlock;
  static constexpr int kStepRemovals = 32;
  static constexpr uint64_t kStepBlocks = 64;  ///< that are searched for parts to be removed
  static constexpr int kStepLooks = 512;  ///< at candidates for eviction, before the last removal
  static constexpr int kStepAnswers = 32;
  static constexpr size_t kStepBuckets = 128;  ///< of a purge that looks at all pages
  static constexpr size_t kCountedMax = 1'024;
  static constexpr size_t kNewerAnswersMax = 1'024;

  Catalog(CatalogLimits limits, Journal& journal);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  [[nodiscard]] DiskEntry* find(const ObjectId& object, PageAt at) const;
  /// find() as a function, for the journal.
  [[nodiscard]] Journal::Find finder() const {
    return {.page = [this](const ObjectId& object, PageAt at) { return find(object, at); },
            .attributes = [this](uint64_t id) { return attributes_.find(id); }};
  }

  static void touch(DiskEntry& entry) { entry.uses = UseCount::used(entry.uses); }

  /// One step of placing a page. Makes an entry with space for a page that will be written. The
  /// entry is held once, for the caller, and find() does not return it yet. Supersedes the pages
  /// that cannot stand beside the new one.
  [[nodiscard]] std::expected<DiskEntry*, NotPlaced> place(const PlaceRequest& request,
                                                           SpaceSearch& search);
  /// One step of placing a journal segment.
  [[nodiscard]] std::expected<DiskExtent, NotPlaced> place_segment(uint32_t units,
                                                                   SpaceSearch& search);
  /// What is past the catalog's end is not released: a store that gets smaller has segments there.
  void release_segment(DiskExtent extent);

  /// Nothing new is placed in these regions, a bit a region. The pages there stay.
  void avoid(uint64_t regions) { space_.avoid(regions); }
  /// The page has an extent in such a region.
  [[nodiscard]] bool is_avoided(const DiskEntry& entry) const {
    return std::ranges::any_of(entry.page_extents(), [this](const PageExtent& extent) {
      return space_.avoids(extent.first);
    });
  }
  /// A free unit near `unit` in such a region, for a probe; null: none is found soon.
  [[nodiscard]] std::optional<DiskExtent> take_probe_unit(uint32_t unit) {
    return space_.take_avoided(unit);
  }
  void release_probe_unit(DiskExtent extent) { space_.release(extent); }

  /// One step of work ahead: removes superseded pages and frees chunks. True: there is more to do.
  [[nodiscard]] bool prepare();

  /// A placed entry was written: find() returns it from now on, unless the result says otherwise.
  /// Removes the older entry of the same place. remove_parts_under() is to follow.
  [[nodiscard]] Listed list(DiskEntry& entry, std::string record);
  /// One step of removing the older parts whose bytes the listed entry has. True: there is more to
  /// do.
  [[nodiscard]] bool remove_parts_under(const DiskEntry& entry, PartSweep& sweep);

  /// Appends the parts that overlap `range` of the object and belong to pages of 2^exponent bytes,
  /// in no order. REQUIRES: the range crosses no PageAt::part_border().
  void find_parts(const ObjectId& object, unsigned exponent, ByteRange range,
                  std::vector<DiskEntry*>& out) const;
  /// The object has parts of pages, of any size.
  [[nodiscard]] bool has_parts(const ObjectId& object) const;
  /// An entry that has all bytes of this part, in a version that can stand beside `source`, in
  /// regions that are in use.
  [[nodiscard]] bool has_bytes(const ObjectId& object, PageAt part, uint64_t bytes,
                               const ObjectSource& source) const;
  /// kPartsMax parts that have other bytes, too, begin in the block of this part.
  [[nodiscard]] bool has_many_parts(const ObjectId& object, PageAt part, uint64_t bytes) const;

  /// Removes a page from the index. Its space is freed once no holder is left.
  void remove(DiskEntry& entry);
  /// Supersedes the object's pages that are old by `change`. None of them is found any more.
  /// Removes the first of them; prepare() and placements remove the others. Takes the answer that
  /// the change brings.
  void supersede(const ObjectId& object, const VersionChange& change);
  /// A version of the object; null: there is none. Any, if there are several.
  [[nodiscard]] ObjectSourcePtr version_of(const ObjectId& object) const;
  /// Those of all buckets that pages of the object are from.
  [[nodiscard]] std::vector<ObjectSourcePtr> versions_of(const ObjectId& object) const;

  /// Answers are newer than the journal has.
  [[nodiscard]] bool has_newer_answers() const { return !newer_answers_.empty(); }
  /// One step of adding records of newer answers. True: there is more to do, and the journal takes
  /// more.
  [[nodiscard]] bool record_answers();
  /// While the oldest segment is cleaned: appends this record again, which was read from that
  /// block, if it is the valid one.
  void copy(const PageRecord& record, uint64_t journal_block);
  void copy(const AttributesRecord& record, uint64_t journal_block);

  // A purge of a set of objects, from begin_purge() to end_purge(); one at a time. It concerns the
  // pages that were placed before its begin. The caller reads the journal and calls purge() for
  // each record of a page; a record that cleaning copies meanwhile is looked at by copy(). At the
  // end purge_unnamed() removes the pages with names that cannot be read.

  void begin_purge(const KeyScope& scope);
  /// Removes the page if its name is meant. True: it was removed.
  bool purge(const PageRecord& record);
  /// One step over all pages, from `bucket` on: removes those with a record in an unknown block, or
  /// with none. True: there is more to do.
  [[nodiscard]] bool purge_unnamed(size_t& bucket, const UnknownBlocks& unknown);
  /// What was removed.
  DiskPurged end_purge();
  /// The pages and bytes of an object; past kCountedMax pages of a bucket the bytes are estimated.
  [[nodiscard]] DiskPurged count(const ObjectId& object) const;

  /// The limit of the bytes of kept entries, chunks that they share included.
  void keep_at_most(uint64_t bytes) { kept_.limit(bytes); }
  /// Changes DiskEntry::keep of an entry that is in the index or being written.
  void set_keep(DiskEntry& entry, bool keep);
  /// The same for the entry that this record is of, if the record is the valid one.
  void set_keep(const PageRecord& record, bool keep);
  /// Until end_keeping(), a record that cleaning copies is compared, too. The caller meanwhile
  /// reads the journal and calls set_keep() for each record.
  using Keeps = std::function<bool(const PageRecord&)>;
  void begin_keeping(Keeps keeps) { keeps_ = std::move(keeps); }
  void end_keeping() { keeps_ = nullptr; }
  [[nodiscard]] const KeptPages& kept() const { return kept_.pages(); }

  /// A held entry keeps its space, even after remove().
  void hold(DiskEntry& entry) { ++entry.holders; }
  void release(DiskEntry& entry);

  /// Reserves memory for `pages` pages, as far as the limit allows, and bounds the texts that no
  /// object uses while the store is opened. REQUIRES: there are no pages yet.
  void reserve(size_t pages, size_t unused_text_bytes);
  // While a store is opened: records in the journal's order, then finish_restoring().
  void restore(RestoredPage restored);
  void restore(const RemovalRecord& record);
  void restore(const ObjectRemovalRecord& record);
  void restore(const AnswerRecord& record);
  void restore(const AttributesRecord& record, uint64_t journal_block);
  // Past the memory limit the oldest page is evicted.
  /// Takes the space of the segments and of the restored pages, the newest page first. Evicts a
  /// page if its space is taken, and returns the number of such pages. The objects get attributes
  /// from `intern`.
  size_t finish_restoring(const std::vector<JournalSegment>& segments, uint32_t segment_units,
                          const InternAttributes& intern);

  /// The next page gets `generation`, or a later one.
  void start_generations(uint64_t generation) { generation_ = std::max(generation_, generation); }

  /// Visits the pages that find() returns. `visit` must not change the catalog.
  void for_each(const std::function<void(DiskEntry&)>& visit) const;

  /// Pages, parts and their bytes, with superseded ones that were not removed yet.
  [[nodiscard]] size_t pages() const { return pages_.size() - parts_; }
  [[nodiscard]] size_t parts() const { return parts_; }
  [[nodiscard]] uint64_t payload_bytes() const { return payload_bytes_; }
  [[nodiscard]] uint64_t evictions() const { return evictions_; }
  [[nodiscard]] const GhostHits& ghost_hits() const { return policy_.ghost_hits(); }
  [[nodiscard]] uint64_t last_generation() const { return generation_; }
  [[nodiscard]] size_t memory_bytes() const {
    return entries_bytes_ + objects_.memory_bytes() + pages_.memory_bytes() +
           attributes_.memory_bytes() + newer_answers_.size() * sizeof(NewerAnswer) +
           space_.memory_bytes();
  }
  [[nodiscard]] const AttributesTable& attributes() const { return attributes_; }
  [[nodiscard]] const ExtentAllocator& space() const { return space_; }

 private:
  /// What a step may still do.
  struct Step {
    [[nodiscard]] bool is_done() const { return removals == 0 || looks <= 0; }
    int removals = kStepRemovals;
    int looks = kStepLooks;
  };
  // The share of the memory limit that is left to pages however large the tables of the space are.
  static constexpr size_t kPagesShare = 2;

  enum class Freed : uint8_t {
    kSome,
    kAgain,  ///< nothing more in this step
    kNone,
  };

  struct ObjectTraits {
    static uint64_t hash(const DiskObject& object) { return object.id.low; }
    static DiskObject*& next(DiskObject& object) { return object.next; }
  };
  struct PageTraits {
    // The id is a cryptographic hash, so its low half is a good hash of the object.
    static uint64_t hash(const ObjectId& object, PageAt at) {
      return page_hash(object.low, at.group());
    }
    static uint64_t hash(const DiskEntry& entry) { return hash(entry.object->id, entry.at); }
    static DiskEntry*& next(DiskEntry& entry) { return entry.next_in_table; }
  };
  /// An object of a bucket, whose answer is newer.
  struct NewerAnswer {
    ObjectId object;
    uint32_t bucket;  // bucket_sum()
  };
  using EntryList = boost::intrusive::list<
      DiskEntry, boost::intrusive::member_hook<DiskEntry, boost::intrusive::list_member_hook<>,
                                               &DiskEntry::hook>>;
  struct PolicyTraits {
    using Queue = EntryList;
    static uint8_t& queue(DiskEntry& entry) { return entry.queue; }
    static uint8_t queue(const DiskEntry& entry) { return entry.queue; }
    static bool waits(const DiskEntry&) { return false; }
    static uint8_t use_count(const DiskEntry& entry) { return entry.uses; }
    static void set_use_count(DiskEntry& entry, uint8_t uses) { entry.uses = uses; }
    static uint64_t weight(const DiskEntry& entry) { return units_for(entry.bytes) * kUnitBytes; }
    static uint64_t hash(const DiskEntry& entry) {
      return page_hash(entry.object->id.low, entry.at.code());
    }
  };

  // catalog.cc
  template <typename Matches>
  [[nodiscard]] DiskObject* find_if(const ObjectId& object, const Matches& matches) const;
  [[nodiscard]] DiskObject* find(const ObjectId& object, std::string_view bucket) const;
  bool supersede_old(const ObjectId& object, const VersionChange& change);
  void supersede_one_too_many(const ObjectId& object);
  [[nodiscard]] DiskObject& object_of(const PlaceRequest& request);
  void add_object(std::unique_ptr<DiskObject> object);
  void supersede(DiskObject& object);
  void attach(DiskEntry& entry, DiskObject& object);
  void index(DiskEntry& entry);
  void unindex(DiskEntry& entry);
  void destroy(DiskEntry& entry);
  void free_entry(DiskEntry& entry);
  void free_object(DiskObject& object);

  // catalog_answers.cc
  [[nodiscard]] DiskObject* find_by_sum(const ObjectId& object, uint32_t bucket) const;
  [[nodiscard]] static RecordedAnswer recorded(const DiskObject& object);
  void take_answer(const ObjectId& object, const ObjectSource& seen);
  void settle(DiskObject& object);

  // catalog_purge.cc
  struct Purging {
    KeyScope scope;
    uint64_t generation;  // pages with a higher one were placed later
    DiskPurged done = {};
  };
  void purge(DiskEntry& entry);

  // catalog_parts.cc
  /// Calls `visit` for each part that begins in that block, which `at` names.
  template <typename Visit>
  void each_part(const ObjectId& object, PageAt at, const Visit& visit) const;
  /// Appends the parts in the block of `at` that have only bytes of `than` and are older.
  void find_older_parts(PageAt at, const DiskEntry& than, std::vector<DiskEntry*>& out) const;
  /// An entry has all bytes of the part, and `matches` returns true for the entry.
  template <typename Matches>
  [[nodiscard]] bool any_has_bytes(const ObjectId& object, PageAt part, uint64_t bytes,
                                   const Matches& matches) const;
  [[nodiscard]] bool is_needless(const ObjectId& object, const DiskEntry& part) const;
  void drop_restored_parts(const DiskEntry& entry);

  // catalog_space.cc
  [[nodiscard]] static NotPlaced not_placed(Freed freed);
  [[nodiscard]] bool over_memory() const;
  [[nodiscard]] bool over_limits() const;
  [[nodiscard]] Freed remove_superseded(Step& step);
  [[nodiscard]] Freed evict_one(SpaceSearch& search, Step& step);
  [[nodiscard]] Freed empty_a_chunk(Step& step);
  [[nodiscard]] Freed free_one(uint32_t units, SpaceSearch& search, Step& step);
  /// Null: done.
  [[nodiscard]] std::optional<NotPlaced> make_room(SpaceSearch& search, Step& step);
  [[nodiscard]] std::optional<NotPlaced> free_units(uint32_t units, SpaceSearch& search,
                                                    Step& step);
  [[nodiscard]] uint32_t spare_for(const SpaceSearch& search) const;

  // catalog_kept.cc
  /// The index's memory for pages, by entry.
  [[nodiscard]] size_t memory_of_each() const;
  /// A listed entry that the policy does not know: is kept, or the policy gets it.
  void hand_over(DiskEntry& entry);
  enum class KeptSpace : uint8_t {
    kTaken,
    kAgain,  ///< nothing more in this step
    kNone,   ///< the entry is not kept
  };
  /// Takes space for an entry that is kept.
  [[nodiscard]] KeptSpace place_kept(uint32_t bytes, ExtentList& extents, SpaceSearch& search,
                                     Step& step);

  // catalog_restore.cc
  [[nodiscard]] DiskExtent within_space(DiskExtent extent) const;
  void drop_restored(DiskEntry& entry);
  void drop_restored(DiskObject& object);
  void cut_restored();
  void restore_answer(DiskObject& object, const RecordedAnswer& answer);
  void unname_attributes(DiskObject& object);
  void resolve_attributes(const InternAttributes& intern);
  [[nodiscard]] bool take_space(DiskEntry& entry);

  const CatalogLimits limits_;
  Journal& journal_;
  AttributesTable attributes_{journal_};
  std::deque<NewerAnswer> newer_answers_;
  ExtentAllocator space_;
  const uint32_t spare_chunks_;  // free chunks that prepare() keeps
  S3FifoQueue<DiskEntry, PolicyTraits> policy_;
  LinearTable<DiskEntry, PageTraits> pages_;
  LinearTable<DiskObject, ObjectTraits> objects_;  // the current ones
  DiskObject* superseded_ = nullptr;               // those with pages, linked by `next`
  SpaceSearch ahead_;                              // of prepare()
  EntryList restored_;                             // while opening: in the journal's order
  uint64_t generation_ = 0;
  uint64_t payload_bytes_ = 0;
  size_t parts_ = 0;  // of the entries in pages_
  uint64_t evictions_ = 0;
  std::optional<Purging> purging_;
  KeptEntries kept_;
  Keeps keeps_;               // while set_keep() is called for all records
  size_t entries_bytes_ = 0;  // of entries and objects
  size_t fixed_bytes_ = 0;    // memory_bytes() of an empty catalog
};

/// The first of the object's buckets, in no order, for which `matches` returns true; or null.
template <typename Matches>
DiskObject* Catalog::find_if(const ObjectId& object, const Matches& matches) const {
  return objects_.find(
      object.low, [&](const DiskObject& other) { return other.id == object && matches(other); });
}

}  // namespace cachey::store
