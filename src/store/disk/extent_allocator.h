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

/// Which units of the device are taken. The space is divided into chunks of 16 MiB: a full page
/// takes one whole, smaller pages share them, in the tightest run of units that holds them. Where
/// no run is long enough a page is cut into at most kExtentsMax pieces, each but the last a whole
/// number of blocks, so that no free unit is too small to be of use and a block is one read.
///
/// Not synchronized: the catalog's.
class ExtentAllocator {
 public:
  static constexpr uint32_t kUnitsPerChunk = kPageBytes / kUnitBytes;

  ExtentAllocator(uint32_t first_unit, uint32_t end_unit);
  ~ExtentAllocator();

  /// Appends extents for `units` to `out`, or leaves it as it was and returns false.
  [[nodiscard]] bool allocate(uint32_t units, ExtentList& out);

  /// One extent. REQUIRES: units <= kUnitsPerChunk.
  [[nodiscard]] std::optional<DiskExtent> allocate_run(uint32_t units);

  /// Takes this very extent, while opening a store. False: some of it is taken, or lies outside.
  /// finish_taking() must follow the last.
  [[nodiscard]] bool take(DiskExtent extent);
  void finish_taking();

  void release(DiskExtent extent);

  /// Who to evict so that the extent's chunk becomes empty; undone by disown.
  void own(DiskExtent extent, DiskEntry* owner);
  void disown(DiskExtent extent, DiskEntry* owner);

  /// The owners in the shared chunk with the fewest units taken, among those that have owners.
  [[nodiscard]] std::vector<DiskEntry*> owners_of_emptiest_chunk() const;

  [[nodiscard]] uint32_t free_units() const { return free_units_; }
  [[nodiscard]] uint32_t units() const { return end_unit_ - first_unit_; }
  /// What the allocator itself takes in memory, about.
  [[nodiscard]] size_t memory_bytes() const;

 private:
  enum class State : uint8_t { kFree, kWhole, kShared };
  enum class Mark : uint8_t { kFree, kTaken };
  struct Chunk {  // shared by several extents
    std::array<uint64_t, kUnitsPerChunk / 64> taken{};
    std::vector<DiskEntry*> owners;  // one an extent
  };
  struct ChunkInfo {
    State state = State::kFree;
    uint16_t free = kUnitsPerChunk;
    uint16_t longest = 0;  // free run; listed in by_longest_ where above 0
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
  std::vector<std::unique_ptr<Chunk>> chunks_;          // where shared
  std::vector<uint32_t> free_chunks_;                   // may name some that are free no more
  std::set<std::pair<uint16_t, uint32_t>> by_longest_;  // shared chunks
};

}  // namespace cachey::store
