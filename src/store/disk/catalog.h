#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "store/disk/entry.h"
#include "store/disk/extent_allocator.h"
#include "store/disk/journal.h"
#include "store/huge_pages.h"
#include "store/s3_fifo_queue.h"

namespace cachey::store {

struct CatalogLimits {
  uint32_t first_unit = 0;  ///< the first unit for pages and journal
  uint32_t end_unit = 0;
  size_t memory_bytes_max = SIZE_MAX;  ///< past it entries are evicted
};

/// The index of the pages on disk: look-up, space, eviction. All pages of an object have one
/// version; a page of another version removes the pages of the old one. Each change adds a record
/// to the journal. Not synchronized: the tier's mutex guards the catalog. Does no I/O.
class Catalog {
 public:
  Catalog(CatalogLimits limits, Journal& journal);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  [[nodiscard]] DiskEntry* find(const ObjectId& object, uint32_t page) const;
  /// find() as a function, for the journal.
  [[nodiscard]] Journal::Find finder() const {
    return [this](const ObjectId& object, uint32_t page) { return find(object, page); };
  }
  /// Any page of the object, or null.
  [[nodiscard]] DiskEntry* any_page_of(const ObjectId& object) const;

  static void touch(DiskEntry& entry) {
    if (entry.uses < DiskEntry::kUsesMax) ++entry.uses;
  }

  /// Makes an entry with space for a page that will be written; evicts others if needed. The entry
  /// is held once, for the caller, and find() does not return it yet. Null: no space can be freed.
  [[nodiscard]] DiskEntry* place(const ObjectId& object, uint32_t page, uint32_t bytes,
                                 ObjectSourcePtr source);
  /// Space for a journal segment; evicts pages if needed. Null: no space can be freed.
  [[nodiscard]] std::optional<DiskExtent> place_segment(uint32_t units);
  void release_segment(DiskExtent extent) { space_.release(extent); }

  /// A placed page was written: find() returns it from now on. Removes the older page of the same
  /// number, and all pages of other versions of the object.
  void list(DiskEntry& entry, std::string record);

  /// Removes a page from the index. Its space is freed once no holder is left.
  void remove(DiskEntry& entry);
  /// Removes all pages of the object, except those of version `keep` (null: without exception).
  void remove_versions(const ObjectId& object, const ObjectInfo* keep);

  /// A held entry keeps its space, even after remove().
  void hold(DiskEntry& entry) { ++entry.holders; }
  void release(DiskEntry& entry);

  [[nodiscard]] ObjectSourcePtr source_of(const ObjectId& object, const ObjectInfo& info,
                                          std::string_view bucket) const;

  /// Reserves memory for about `pages` pages.
  void reserve(size_t pages);
  // While a store is opened: records in the journal's order, then finish_restoring().
  void restore(DiskEntry::Owned restored);
  void restore(const RemovalRecord& record);
  void restore(const ObjectRemovalRecord& record);
  /// Takes the space of the segments and of the restored pages, the newest page first. Drops a page
  /// if its space is taken, and returns the number of such pages. Evicts pages past the limits.
  size_t finish_restoring(const std::vector<JournalSegment>& segments, uint32_t segment_units);

  void for_each(const std::function<void(DiskEntry&)>& visit) const;

  [[nodiscard]] size_t pages() const { return pages_.size(); }
  [[nodiscard]] uint64_t payload_bytes() const { return payload_bytes_; }
  [[nodiscard]] uint64_t evictions() const { return evictions_; }
  [[nodiscard]] uint64_t last_generation() const { return generation_; }
  [[nodiscard]] size_t memory_bytes() const { return entries_bytes_ + space_.memory_bytes(); }
  [[nodiscard]] const ExtentAllocator& space() const { return space_; }

 private:
  struct PageName {
    ObjectId object;
    uint32_t page;
  };
  struct Hash {
    using is_transparent = void;
    using is_avalanching = void;
    size_t operator()(const PageName& name) const;
    size_t operator()(const DiskEntry* entry) const;
    size_t operator()(const ObjectId& object) const { return object.low; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const DiskEntry* a, const DiskEntry* b) const {
      return a->object == b->object && a->page == b->page;
    }
    bool operator()(const PageName& a, const DiskEntry* b) const {
      return a.object == b->object && a.page == b->page;
    }
    bool operator()(const DiskEntry* a, const PageName& b) const { return (*this)(b, a); }
  };
  struct Traits {
    using Queue = boost::intrusive::list<
        DiskEntry, boost::intrusive::member_hook<DiskEntry, boost::intrusive::list_member_hook<>,
                                                 &DiskEntry::hook>>;
    static uint8_t& queue(DiskEntry& entry) { return entry.queue; }
    static uint8_t queue(const DiskEntry& entry) { return entry.queue; }
    static uint8_t uses(const DiskEntry& entry) { return entry.uses; }
    static void set_uses(DiskEntry& entry, uint8_t uses) { entry.uses = uses; }
    static uint64_t weight(const DiskEntry& entry) { return entry.bytes; }
    static uint64_t hash(const DiskEntry& entry) { return Hash()(&entry); }
  };

  [[nodiscard]] bool evict_one();
  /// Evicts until one more entry is within the limits. False: that was not possible.
  [[nodiscard]] bool make_room();
  [[nodiscard]] bool empty_a_chunk();
  void index(DiskEntry& entry);
  void unindex(DiskEntry& entry);
  void destroy(DiskEntry& entry);

  const CatalogLimits limits_;
  Journal& journal_;
  ExtentAllocator space_;
  S3FifoQueue<DiskEntry, Traits> policy_;
  boost::unordered_flat_set<DiskEntry*, Hash, Equal, HugePages<DiskEntry*>> pages_;
  boost::unordered_flat_map<ObjectId, DiskEntry*, Hash, std::equal_to<>,
                            HugePages<std::pair<const ObjectId, DiskEntry*>>>
      objects_;                       // the first page of each object
  std::vector<DiskEntry*> restored_;  // while opening: in the journal's order, with removed ones
  uint64_t generation_ = 0;
  uint64_t payload_bytes_ = 0;
  uint64_t evictions_ = 0;
  size_t entries_bytes_ = 0;
};

}  // namespace cachey::store
