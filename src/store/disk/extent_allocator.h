#pragma once

#include <array>
#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "store/disk/bucket_lists.h"
#include "store/disk/entry.h"
#include "store/disk/format.h"
#include "store/disk/region_health.h"

namespace cachey::store {

/// The free units of the device. The space has chunks of 16 MiB. A full page takes a whole chunk. A
/// smaller page takes a free run in a shared chunk: the chunk whose longest free run is the
/// shortest that fits, else a free chunk. If neither exists, the page is cut into at most
/// kExtentsMax extents; each but the last has whole blocks, so that a block is one read and short
/// free runs stay usable.
///
/// A shared chunk becomes free again by being emptied: it takes no new pages while the caller
/// removes the pages in it, one after the other.
///
/// Chunks with extents of kept entries, see keep(), are not emptied and take extents of other kept
/// entries alone. So kept entries are in few chunks.
///
/// The space of regions that are out, see avoid(), does not count as free.
///
/// Each call takes a bounded time, whatever the size of the device. Not synchronized. Owned by the
/// catalog.
class ExtentAllocator {
 public:
  static constexpr uint32_t kUnitsPerChunk = kPageBytes / kUnitBytes;

  ExtentAllocator(uint32_t first_unit, uint32_t end_unit);
  ~ExtentAllocator();

  /// Appends extents for `units` units to `out`. False: there is no space, and `out` is unchanged.
  /// A page that is smaller than a chunk leaves `spare` free chunks alone.
  [[nodiscard]] bool allocate(uint32_t units, ExtentList& out, uint32_t spare = 0);

  /// allocate() for an entry that will be kept: in a chunk with kept entries, else in a free one.
  /// REQUIRES: keep() follows.
  [[nodiscard]] bool allocate_kept(uint32_t units, ExtentList& out);
  /// The entry's extents are those of a kept entry. REQUIRES: it is owned.
  void keep(const DiskEntry& entry) { set_kept(entry, 1); }
  void unkeep(const DiskEntry& entry) { set_kept(entry, -1); }
  /// Chunks with kept entries.
  [[nodiscard]] uint32_t kept_chunks() const { return kept_chunks_; }
  /// The chunks without kept entries that keep() would make others of; at most.
  [[nodiscard]] uint32_t chunks_to_keep(const DiskEntry& entry) const;
  /// The same for an entry that allocate_kept() places.
  [[nodiscard]] uint32_t chunks_to_keep(uint32_t units) const { return kept_run(units) ? 0 : 1; }

  /// One extent of `units` units, or null. REQUIRES: 0 < units <= kUnitsPerChunk.
  [[nodiscard]] std::optional<DiskExtent> allocate_run(uint32_t units, uint32_t spare = 0);
  /// True: allocate_run() would succeed.
  [[nodiscard]] bool has_run(uint32_t units, uint32_t spare = 0) const;

  /// While a store is opened: takes this extent. False: a part is taken already or outside the
  /// space. finish_taking() must follow the last call.
  [[nodiscard]] bool take(DiskExtent extent);
  void finish_taking();

  void release(DiskExtent extent);

  /// The entry owns its extents: the chunks can be emptied of it. disown() must precede release().
  void own(DiskEntry& owner);
  void disown(DiskEntry& owner);

  /// A page in the chunk that is being emptied. If there is none, begins with the shared chunk that
  /// has the fewest units taken, all of them by pages. Null: there is no such chunk.
  [[nodiscard]] DiskEntry* page_to_empty();
  [[nodiscard]] bool is_emptying() const { return emptying_.has_value(); }
  /// The chunk cannot be emptied now. It is not chosen again before one of its pages came or left.
  void give_up_emptying();

  /// Chunks in these regions, a bit a region, take nothing new, and are not emptied. What is taken
  /// there stays. settle() does the work.
  void avoid(uint64_t regions);
  [[nodiscard]] bool avoids(uint32_t unit) const {
    return avoid_ != 0 && (avoid_ & regions_.bit_of(unit)) != 0;
  }
  /// One step of the work of avoid(). True: there is more to do. Before that allocations may be in
  /// the wrong regions.
  [[nodiscard]] bool settle();
  /// A free unit near `unit`, of a region that is avoided, or null if none is found soon. release()
  /// gives the unit back.
  [[nodiscard]] std::optional<DiskExtent> take_avoided(uint32_t unit);

  [[nodiscard]] uint32_t free_units() const { return free_units_; }
  [[nodiscard]] uint32_t avoided_free_units() const { return avoided_free_units_; }
  [[nodiscard]] uint32_t free_chunks() const { return free_chunks_; }
  [[nodiscard]] uint32_t chunks() const { return static_cast<uint32_t>(chunks_.size()); }
  /// Chunks that cannot become free: with a journal segment or the end of the space in them, shared
  /// by kept entries, or avoided.
  [[nodiscard]] uint32_t fixed_chunks() const { return fixed_chunks_; }
  [[nodiscard]] uint32_t units() const { return end_unit_ - first_unit_; }
  /// The memory of the allocator, about.
  [[nodiscard]] size_t memory_bytes() const;

 private:
  enum class State : uint8_t { kFree, kWhole, kShared };
  enum class Mark : uint8_t { kFree, kTaken };
  struct Shared {  // a chunk with several extents
    std::array<uint64_t, kUnitsPerChunk / 64> taken{};
    std::vector<DiskEntry*> owners;  // one entry per extent of a page; see PageExtent::slot
  };
  struct Chunk {
    std::unique_ptr<Shared> shared;  // null: not shared
    uint16_t free = kUnitsPerChunk;
    uint16_t owned = 0;  // units of pages
    uint16_t kept = 0;   // extents of kept entries
    State state = State::kFree;
    bool fixed = false;
    bool avoided = false;
  };

  [[nodiscard]] uint32_t chunk_of(uint32_t unit) const;
  [[nodiscard]] DiskExtent take_in(uint32_t chunk, uint32_t units);
  void set_kept(const DiskEntry& entry, int change);
  [[nodiscard]] std::optional<uint32_t> kept_run(uint32_t units) const;
  void set_avoided(uint32_t chunk, bool avoided);
  void count_free_units(const Chunk& chunk, int64_t change);
  void count_free_chunks(const Chunk& chunk, int change);
  void share(uint32_t chunk);
  void mark(uint32_t chunk, uint32_t begin, uint32_t units, Mark as);
  void relist(uint32_t chunk);
  void relist_use(uint32_t chunk);
  void add_owner(Shared& shared, DiskEntry& owner, PageExtent& extent);
  [[nodiscard]] std::optional<uint32_t> tightest(uint32_t units, uint32_t spare) const;
  [[nodiscard]] static std::pair<uint32_t, uint32_t> find_run(const Shared& shared, uint32_t units);

  const uint32_t first_unit_;
  const uint32_t end_unit_;
  const DiskRegions regions_;
  uint64_t avoid_ = 0;    // regions
  uint32_t settled_ = 0;  // chunks before this one are as `avoid_` says
  uint32_t free_units_;   // with free_chunks_: without the avoided ones
  uint32_t avoided_free_units_ = 0;
  uint32_t free_chunks_ = 0;
  uint32_t fixed_chunks_ = 0;
  uint32_t kept_chunks_ = 0;
  size_t shared_chunks_ = 0;
  size_t owners_max_ = 0;  // the sum of the capacities of all lists of owners
  std::vector<Chunk> chunks_;
  // Chunks that take pages, by the longest free run; those with kept entries by kUnitsPerChunk
  // more.
  BucketLists runs_;
  BucketLists uses_;  // chunks that can be emptied, by the units taken
  std::optional<uint32_t> emptying_;
};

}  // namespace cachey::store
