#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/units.h"
#include "store/unit.h"

namespace cachey::store {

/// A piece of arena memory. The size is a power of two, 4 KiB to 2 MiB; the address is a multiple
/// of the size.
struct Extent {
  std::byte* data = nullptr;
  uint32_t size = 0;
};

/// The extents of a page, in order. A list of one, as small objects have, needs no allocation.
using Extents = boost::container::small_vector<Extent, 1>;

/// One anonymous mapping for the bytes of all pages: slabs of 2 MiB, backed by huge pages and
/// reused in place. A page takes whole slabs and, for the rest, at most three smaller extents of
/// shared slabs, which a buddy allocator cuts (K. Knowlton, CACM 8(10), 1965). So rounding costs at
/// most 1/7 of a page larger than 32 KiB, and a page need not be contiguous.
///
/// The system gives memory to a slab at its first use, and the arena keeps the memory until
/// set_limit() falls below it. Not synchronized: the memory tier's mutex guards the arena.
class Arena {
 public:
  static constexpr uint64_t kSlabBytes = 2 * kMiB;
  static constexpr size_t kTailExtentsMax = 3;

  /// Reserves address space for `capacity` bytes, rounded down to slabs. Throws std::bad_alloc.
  explicit Arena(uint64_t capacity);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// The bytes that extents for `bytes` of payload take.
  [[nodiscard]] static uint64_t rounded(uint64_t bytes);

  /// Appends extents for `bytes` bytes, in order. False: there is no room, and `out` is unchanged.
  /// owners_of_emptiest_slab() returns `owner` later.
  [[nodiscard]] bool allocate(uint64_t bytes, void* owner, Extents& out);

  /// Frees extents that allocate() gave to `owner`.
  void release(std::span<const Extent> extents, void* owner);

  /// The owners of the extents in the shared slab with the fewest bytes in use, one entry per
  /// extent: if all are freed, the slab is free. Skips the `skip` emptiest slabs. Empty: there are
  /// no more shared slabs.
  [[nodiscard]] std::vector<void*> owners_of_emptiest_slab(size_t skip) const;

  /// Limits the memory that slabs hold. Free slabs past the limit go back to the system at once,
  /// used slabs when they are freed.
  void set_limit(uint64_t bytes);

  [[nodiscard]] uint64_t used_bytes() const { return used_bytes_; }
  [[nodiscard]] uint64_t committed_bytes() const { return committed_slabs_ * kSlabBytes; }
  [[nodiscard]] uint64_t limit_bytes() const { return limit_slabs_ * kSlabBytes; }

 private:
  static constexpr int kOrders = 10;  // order n: 4 KiB << n; the last is a whole slab
  static constexpr int kSlabOrder = kOrders - 1;
  static constexpr size_t kUnitsPerSlab = kSlabBytes / kUnitBytes;
  static constexpr uint32_t kNone = UINT32_MAX;
  static_assert((kUnitBytes << kSlabOrder) == kSlabBytes);

  /// A slab that is cut into blocks: the free blocks of each order.
  struct Shared {
    using Bits = std::array<uint64_t, kUnitsPerSlab / 64>;
    std::array<Bits, kSlabOrder> free{};  // bit b of order n: block b is free
    uint32_t used_units = 0;
    std::vector<void*> owners;  // one entry per extent
  };

  [[nodiscard]] static std::array<uint32_t, kTailExtentsMax> tail_sizes(uint64_t bytes);
  [[nodiscard]] static int order_of(uint32_t size);

  [[nodiscard]] std::byte* take_slab();
  void give_slab(uint32_t slab);
  [[nodiscard]] std::byte* take_block(int order, void* owner);
  [[nodiscard]] std::byte* take_block_in(uint32_t slab, int order, void* owner);
  void give_block(std::byte* data, int order, void* owner);
  void mark_free(uint32_t slab, int order, uint32_t block);
  void uncommit(uint32_t slab);

  std::byte* base_ = nullptr;
  uint32_t slabs_ = 0;
  uint32_t limit_slabs_ = 0;
  uint32_t committed_slabs_ = 0;
  uint64_t used_bytes_ = 0;
  std::vector<uint32_t> free_committed_;         // free slabs that hold memory
  std::vector<uint32_t> free_uncommitted_;       // free slabs that hold none
  std::vector<std::unique_ptr<Shared>> shared_;  // by slab; null: the slab is not shared
  std::array<std::vector<uint32_t>, kSlabOrder> candidates_;  // slabs that may have a free block
  std::vector<uint16_t> listed_;  // by slab; bit n: the slab is in candidates_[n]
};

}  // namespace cachey::store
