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
  uint32_t first_unit = 0;  ///< of the device, for pages and journal
  uint32_t end_unit = 0;
  size_t memory_bytes_max = SIZE_MAX;  ///< entries past it push others out
};

/// Which pages are on the disk and where: look-up, space, eviction. All pages of an object are of
/// one version; a page of another version puts those that are there out. Every change is told to
/// the journal. Not synchronized: the tier's mutex guards it. Does no I/O.
class Catalog {
 public:
  Catalog(CatalogLimits limits, Journal& journal);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  [[nodiscard]] DiskEntry* find(const ObjectId& object, uint32_t page) const;
  /// find, for the journal.
  [[nodiscard]] Journal::Find finder() const {
    return [this](const ObjectId& object, uint32_t page) { return find(object, page); };
  }
  /// Any page of the object, or null.
  [[nodiscard]] DiskEntry* any_page_of(const ObjectId& object) const;

  static void touch(DiskEntry& entry) {
    if (entry.uses < DiskEntry::kUsesMax) ++entry.uses;
  }

  /// Space for a page that is about to be written, by eviction if need be; held once for the
  /// caller and not to be found yet. Null: there is none to be had.
  [[nodiscard]] DiskEntry* place(const ObjectId& object, uint32_t page, uint32_t bytes,
                                 ObjectSourcePtr source);
  /// Space for a journal segment, by eviction if need be.
  [[nodiscard]] std::optional<DiskExtent> place_segment(uint32_t units);
  void release_segment(DiskExtent extent) { space_.release(extent); }

  /// A placed page was written: it can be found from now on, and replaces what was there of its
  /// number, and what there is of another version of its object.
  void list(DiskEntry& entry, std::string record);

  /// A page leaves; its space is free when nobody holds it.
  void remove(DiskEntry& entry);
  /// All pages of the object, but those of version `keep`.
  void remove_versions(const ObjectId& object, const ObjectInfo* keep);

  void hold(DiskEntry& entry) { ++entry.holders; }
  void release(DiskEntry& entry);

  [[nodiscard]] ObjectSourcePtr source_of(const ObjectId& object, const ObjectInfo& info,
                                          std::string_view bucket) const;

  /// About so many pages will be restored.
  void reserve(size_t pages);
  // While opening a store, in the journal's order; finish_restoring must follow.
  void restore(DiskEntry::Owned restored);
  void restore(const RemovalRecord& record);
  /// Takes the space of what was restored; a page whose space is another's is left out. Returns how
  /// many were. What is more than the limits allow is evicted.
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
  /// One entry more may be made, by eviction if need be.
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
      objects_;                       // -> its first page
  std::vector<DiskEntry*> restored_;  // while opening: in the journal's order, unlisted ones too
  uint64_t generation_ = 0;
  uint64_t payload_bytes_ = 0;
  uint64_t evictions_ = 0;
  size_t entries_bytes_ = 0;
};

}  // namespace cachey::store
