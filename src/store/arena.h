#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
/// An extent is held (its page is being filled, written or read) or movable (its page may be
/// evicted) or kept (its page stays for as long as it may). A slab with kept extents is never
/// drained, and its room is for kept extents alone, so that these have few slabs. Held extents
/// share slabs with each other: a small extent comes from a slab with held extents if one has room,
/// else from the emptiest slab, else from a free slab. If crowded(), it comes from the first ones,
/// else from a free slab.
///
/// The system gives memory to a slab at its first touch: that of a fill, or touch(). Each operation
/// takes constant time, except for the number of the extents. Not synchronized: the memory tier's
/// mutex guards the arena.
class Arena {
 public:
  static constexpr uint64_t kSlabBytes = 2 * kMiB;
  static constexpr size_t kTailExtentsMax = 3;

  enum class Use : uint8_t { kHeld, kMovable, kKept };
  /// kSparing: small extents leave reserve_slabs() free slabs to whole ones, and if crowded(), they
  /// leave slabs without held extents alone.
  enum class Effort : uint8_t { kSparing, kAll };

  /// Reserves address space for `capacity` bytes, rounded down to slabs. Throws std::bad_alloc.
  explicit Arena(uint64_t capacity);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// The bytes that extents for `bytes` of payload take.
  [[nodiscard]] static uint64_t rounded(uint64_t bytes);

  /// Appends the extents that `out` lacks for `bytes` bytes, in order, as held or kept ones. False:
  /// there is room for some of the extents only; the next call goes on. REQUIRES: `out` has no
  /// other extents, and `bytes` and `use` are the same at each call.
  [[nodiscard]] bool allocate(uint64_t bytes, void* owner, Extents& out,
                              Effort effort = Effort::kAll, Use use = Use::kHeld);

  /// Frees extents, all of which have the same use.
  void release(std::span<const Extent> extents, Use use);
  /// REQUIRES: the extents' use is `from`.
  void set_use(std::span<const Extent> extents, Use from, Use to);
  /// From held to movable, or back.
  void set_use(std::span<const Extent> extents, Use to) {
    set_use(extents, to == Use::kHeld ? Use::kMovable : Use::kHeld, to);
  }

  /// Slabs with kept extents.
  [[nodiscard]] uint32_t kept_slabs() const { return kept_slabs_; }
  /// The slabs with no kept extents that would get some if these extents were kept; at most.
  [[nodiscard]] uint32_t slabs_to_keep(std::span<const Extent> extents) const;
  /// The slabs that allocate() would take for as many kept bytes, about.
  [[nodiscard]] uint32_t slabs_to_keep(uint64_t bytes) const;

  /// Chooses the slab without held extents that has the fewest bytes in use, a shared slab before a
  /// slab of one page. Passes over the slab that was cut last while there is another shared one. No
  /// extent is taken from the slab until it is free, or until one of its extents is held. False:
  /// there is no such slab.
  [[nodiscard]] bool start_draining();
  [[nodiscard]] bool draining() const { return draining_ != nullptr; }
  /// The owners of the extents in the draining slab; null where no extent begins. Changes as
  /// extents are freed; at most kUnitsPerSlab.
  [[nodiscard]] std::span<void* const> draining_owners() const;

  /// Of the slabs with held small extents, the one that has had some for the longest time, as
  /// draining_owners(); empty: there is none.
  [[nodiscard]] std::span<void* const> held_owners() const;
  /// Makes this slab the last one.
  void pass_held();
  [[nodiscard]] size_t held_slabs() const { return costs_[kHeldShared].size(); }
  /// More than 1 / kCrowdedShare of the slabs have held small extents.
  [[nodiscard]] bool crowded() const { return held_slabs() * kCrowdedShare > limit_slabs_; }

  /// Limits the memory that slabs hold.
  void set_limit(uint64_t bytes);
  [[nodiscard]] bool over_limit() const { return committed_slabs_ > limit_slabs_; }
  /// Over the limit, with a free slab that can be given back.
  [[nodiscard]] bool has_past_limit() const { return over_limit() && !free_committed_.empty(); }
  /// Takes out such a slab, for uncommit(), then put_uncommitted(). Null: there is none.
  [[nodiscard]] std::optional<uint32_t> take_past_limit();
  /// Gives the slab's memory back to the system. Needs no mutex.
  void uncommit(uint32_t slab) const;
  void put_uncommitted(uint32_t slab) { free_uncommitted_.push_back(slab); }

  /// Fewer free slabs than kTouchedMax have memory, and than 1 / kTouchedShare of all slabs, and
  /// than 2 and the slabs in use: so the next ones should be touched before a fill needs them.
  [[nodiscard]] bool lacks_touched() const;
  /// Takes out a slab without memory, for touch(), then put_touched(). Null: lacks_touched() is
  /// false.
  [[nodiscard]] std::optional<uint32_t> take_to_touch();
  /// Makes the system give memory to the slab. Needs no mutex.
  void touch(uint32_t slab) const;
  void put_touched(uint32_t slab) { free_committed_.push_back(slab); }
  /// Free slabs that have memory.
  [[nodiscard]] size_t touched_slabs() const { return free_committed_.size(); }
  static constexpr size_t kTouchedMax = 32;
  static constexpr uint32_t kTouchedShare = 16;

  /// Any thread.
  [[nodiscard]] uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t committed_bytes() const { return committed_slabs_ * kSlabBytes; }
  [[nodiscard]] uint64_t limit_bytes() const { return limit_slabs_ * kSlabBytes; }
  /// Slabs that allocate() can take whole.
  [[nodiscard]] size_t free_slabs() const;
  /// Free slabs to be kept ahead for whole extents: one page of the largest size, and at most
  /// 1 / kReserveShare of the slabs.
  [[nodiscard]] size_t reserve_slabs() const {
    return std::min<size_t>(kPageBytes / kSlabBytes, limit_slabs_ / kReserveShare);
  }
  /// The memory of the arena's own tables.
  [[nodiscard]] uint64_t table_bytes() const { return shared_slabs_ * sizeof(Cut); }

  static constexpr size_t kUnitsPerSlab = kSlabBytes / kUnitBytes;
  static constexpr uint32_t kReserveShare = 128;
  static constexpr uint32_t kCrowdedShare = 4;

 private:
  static constexpr int kOrders = 10;  // order n: 4 KiB << n; the last is a whole slab
  static constexpr int kSlabOrder = kOrders - 1;
  static_assert((kUnitBytes << kSlabOrder) == kSlabBytes);

  /// What a shared slab is cut into.
  struct Cut {
    std::array<void*, kUnitsPerSlab> owners{};  // by an extent's first unit
    // Bit b of order n: block b is free. Order n has kUnitsPerSlab >> n blocks.
    std::array<std::array<uint64_t, kUnitsPerSlab / 64>, kSlabOrder> free{};
    std::array<uint16_t, kSlabOrder> free_count{};  // by order
  };

  using Hook = boost::intrusive::list_member_hook<>;
  struct Slab {
    Hook in_rooms;
    Hook in_costs;
    std::unique_ptr<Cut> cut;  // null: free, or of one page
    void* owner = nullptr;     // of a slab of one page
    uint16_t held = 0;         // extents, kept ones too
    uint16_t kept = 0;         // of these extents
    uint16_t used_units = 0;
    uint16_t free_orders = 0;  // bit n: a block of order n is free
    uint8_t room = kNowhere;   // the lists that have the slab
    uint8_t cost = kNowhere;
  };
  using Rooms =
      boost::intrusive::list<Slab, boost::intrusive::member_hook<Slab, Hook, &Slab::in_rooms>>;
  using Costs =
      boost::intrusive::list<Slab, boost::intrusive::member_hook<Slab, Hook, &Slab::in_costs>>;

  static constexpr uint8_t kNowhere = UINT8_MAX;
  static constexpr uint32_t kUnitsPerCost = 8;
  static constexpr uint8_t kCosts = kUnitsPerSlab / kUnitsPerCost;  // of shared slabs
  static_assert(kCosts == 64);
  static constexpr uint8_t kWhole = kCosts;           // slabs of one page
  static constexpr uint8_t kHeldShared = kCosts + 1;  // shared slabs with held extents

  [[nodiscard]] static std::array<uint32_t, kTailExtentsMax> tail_sizes(uint64_t bytes);
  [[nodiscard]] static int order_of(uint32_t size);

  [[nodiscard]] Slab& slab_of(const std::byte* data) {
    return slabs_[static_cast<size_t>(data - base_) / kSlabBytes];
  }
  [[nodiscard]] std::byte* data_of(const Slab& slab) const {
    return base_ + static_cast<size_t>(&slab - slabs_.data()) * kSlabBytes;
  }

  [[nodiscard]] Slab* take_slab();
  void give_slab(Slab& slab);
  [[nodiscard]] std::byte* take_whole(void* owner);
  [[nodiscard]] std::byte* take_block(int order, void* owner, Effort effort, Use use);
  [[nodiscard]] Slab* first_with_room(int order, int rooms) const;
  [[nodiscard]] Slab* slab_with_room(int order, Effort effort);
  void count_use(Slab& slab, Use use, int change);
  [[nodiscard]] Slab* cheapest_shared();
  [[nodiscard]] Slab* cheapest_settled();
  [[nodiscard]] static uint32_t cut_block(Slab& slab, int order);
  static void join_block(Slab& slab, int order, uint32_t block);
  static void mark(Slab& slab, int order, uint32_t block, bool free);

  [[nodiscard]] uint8_t room_of(const Slab& slab) const;
  [[nodiscard]] uint8_t cost_of(const Slab& slab) const;
  /// Puts the slab into the lists that its state says.
  void file(Slab& slab);

  std::byte* base_ = nullptr;
  uint32_t limit_slabs_ = 0;
  uint32_t committed_slabs_ = 0;
  uint32_t shared_slabs_ = 0;
  uint32_t kept_slabs_ = 0;
  std::atomic<uint64_t> used_bytes_{0};
  std::vector<Slab> slabs_;
  std::vector<uint32_t> free_committed_;    // free slabs that hold memory
  std::vector<uint32_t> free_uncommitted_;  // free slabs that hold none
  Slab* draining_ = nullptr;
  Slab* filling_ = nullptr;  // the shared slab that was cut last
  // Shared slabs with room, by the order of their largest free block: those with held extents, the
  // others, those with kept extents.
  static constexpr int kKeptRooms = 2 * kSlabOrder;
  std::array<Rooms, 3 * kSlabOrder> rooms_;
  // Slabs without held extents, by the cost of emptying them; kWhole, kHeldShared.
  std::array<Costs, kCosts + 2> costs_;
  uint64_t shared_costs_ = 0;  // bit n: costs_[n] has a slab
};

}  // namespace cachey::store
