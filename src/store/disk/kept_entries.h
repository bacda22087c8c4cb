#pragma once

#include <cstddef>
#include <cstdint>

#include "store/disk/entry.h"
#include "store/disk/extent_allocator.h"
#include "store/disk/journal.h"
#include "store/pin_rules.h"

namespace cachey::store {

/// The entries of the catalog that are kept: named by PinRules, and within the limits. These are
/// that of limit(), and half of the space, of the index's memory for pages and of the journal, so
/// that other entries have room. The limits of space count the chunks that kept entries share; that
/// of memory counts a kept entry as the average one, because entries share their objects' memory.
/// An entry that comes past a limit is as any other. Not synchronized. Owned by the catalog.
class KeptEntries {
 public:
  /// `memory_max`: of the kept entries.
  KeptEntries(ExtentAllocator& space, Journal& journal, size_t memory_max)
      : space_(space), journal_(journal), memory_max_(memory_max) {}

  void limit(uint64_t bytes) { units_limit_ = bytes / kUnitBytes; }
  /// `each`: the index's memory for pages, by entry.
  [[nodiscard]] bool is_past_limit(size_t each) const;

  /// There is room for this entry, which has space, or for a new one of this size.
  [[nodiscard]] bool has_room_for(const DiskEntry& entry, size_t each) const;
  [[nodiscard]] bool has_room_for(uint32_t bytes, size_t each) const;
  /// Changes DiskEntry::kept.
  void set(DiskEntry& entry, bool kept);
  /// Counts an entry that is listed in pages(), or no longer.
  void count(const DiskEntry& entry, bool counts);
  void count_past_limit() { ++pages_.over_limit_total; }
  void forget_past_limit() { pages_.over_limit_total = 0; }
  [[nodiscard]] const KeptPages& pages() const { return pages_; }

 private:
  struct Needs {
    uint64_t units;
    uint32_t chunks;
    size_t memory;  // of each entry
    uint64_t record;
  };
  [[nodiscard]] uint64_t units_max() const;
  [[nodiscard]] bool has_room_for(const Needs& needs) const;

  ExtentAllocator& space_;
  Journal& journal_;
  const size_t memory_max_;
  uint64_t units_limit_ = 0;
  uint64_t units_ = 0;
  size_t entries_ = 0;
  KeptPages pages_;
};

}  // namespace cachey::store
