#pragma once

#include <array>
#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "store/disk/format.h"

namespace cachey::store {

struct DiskEntry;

using ExtentList = boost::container::static_vector<DiskExtent, kExtentsMax>;

/// The free units of the device. The space has chunks of 16 MiB. A full page takes a whole chunk. A
/// smaller page takes a free run in a shared chunk: the chunk whose longest free run is the
/// shortest that fits, else a free chunk. If neither exists, the page is cut into at most
/// kExtentsMax extents; each but the last has whole blocks, so that a block is one read and short
/// free runs stay usable.
///
/// Not synchronized. Owned by the catalog.
class ExtentAllocator {
 public:
  static constexpr uint32_t kUnitsPerChunk = kPageBytes / kUnitBytes;

  ExtentAllocator(uint32_t first_unit, uint32_t end_unit);
  ~ExtentAllocator();

  /// Appends extents for `units` units to `out`. False: there is no space, and `out` is unchanged.
  [[nodiscard]] bool allocate(uint32_t units, ExtentList& out);

  /// One extent of `units` units, or null. REQUIRES: 0 < units <= kUnitsPerChunk.
  [[nodiscard]] std::optional<DiskExtent> allocate_run(uint32_t units);

  /// While a store is opened: takes this extent. False: a part is taken already or outside the
  /// space. finish_taking() must follow the last call.
  [[nodiscard]] bool take(DiskExtent extent);
  void finish_taking();

  void release(DiskExtent extent);

  /// Adds an owner to the extent's chunk, for owners_of_emptiest_chunk(); disown() removes it.
  void own(DiskExtent extent, DiskEntry* owner);
  void disown(DiskExtent extent, DiskEntry* owner);

  /// The owners in the shared chunk that has the fewest units taken and at least one owner.
  [[nodiscard]] std::vector<DiskEntry*> owners_of_emptiest_chunk() const;

  [[nodiscard]] uint32_t free_units() const { return free_units_; }
  [[nodiscard]] uint32_t units() const { return end_unit_ - first_unit_; }
  /// The memory of the allocator, about.
  [[nodiscard]] size_t memory_bytes() const;

 private:
  enum class State : uint8_t { kFree, kWhole, kShared };
  enum class Mark : uint8_t { kFree, kTaken };
  struct Chunk {  // a chunk with several extents
    std::array<uint64_t, kUnitsPerChunk / 64> taken{};
    std::vector<DiskEntry*> owners;  // one entry per extent
  };
  struct ChunkInfo {
    State state = State::kFree;
    uint16_t free = kUnitsPerChunk;
    uint16_t longest = 0;  // free run; if > 0, by_longest_ has the chunk
  };

  [[nodiscard]] uint32_t chunk_of(uint32_t unit) const;
  [[nodiscard]] DiskExtent take_in(uint32_t chunk, uint32_t units);
  void share(uint32_t chunk);
  void mark(uint32_t chunk, uint32_t begin, uint32_t units, Mark as);
  void relist(uint32_t chunk);
  [[nodiscard]] static std::pair<uint32_t, uint32_t> find_run(const Chunk& chunk, uint32_t units);

  const uint32_t first_unit_;
  const uint32_t end_unit_;
  uint32_t free_units_;
  size_t shared_chunks_ = 0;
  std::vector<ChunkInfo> info_;
  std::vector<std::unique_ptr<Chunk>> chunks_;          // null: not shared
  std::vector<uint32_t> free_chunks_;                   // may have chunks that are taken meanwhile
  std::set<std::pair<uint16_t, uint32_t>> by_longest_;  // (longest free run, shared chunk)
};

}  // namespace cachey::store
