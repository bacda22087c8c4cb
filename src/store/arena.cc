#include "store/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/check.h"

namespace cachey::store {

Arena::Arena(uint64_t capacity) : slabs_(capacity / kSlabBytes) {
  CHECK(!slabs_.empty());
  const size_t bytes = slabs_.size() * kSlabBytes;
  void* map = ::mmap(nullptr, bytes + kSlabBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  auto* const start = static_cast<std::byte*>(map);
  const size_t before = -reinterpret_cast<uintptr_t>(map) % kSlabBytes;
  base_ = start + before;
  if (before > 0) ::munmap(start, before);
  ::munmap(base_ + bytes, kSlabBytes - before);
  ::madvise(base_, bytes,
            MADV_HUGEPAGE);  // an optimization; the arena works without
  ::madvise(base_, bytes, MADV_DONTDUMP);
  limit_slabs_ = static_cast<uint32_t>(slabs_.size());
  free_committed_.reserve(slabs_.size());  // so that no list grows in one piece later
  free_uncommitted_.resize(slabs_.size());
  for (uint32_t i = 0; i < limit_slabs_; ++i) free_uncommitted_[i] = limit_slabs_ - 1 - i;
}

Arena::~Arena() {
  for (Rooms& slabs : rooms_) slabs.clear();
  for (Costs& slabs : costs_) slabs.clear();
  ::munmap(base_, slabs_.size() * kSlabBytes);
}

std::array<uint32_t, Arena::kTailExtentsMax> Arena::tail_sizes(uint64_t bytes) {
  std::array<uint32_t, kTailExtentsMax> sizes{};
  uint64_t left = bytes % kSlabBytes;
  for (size_t i = 0; i < sizes.size() && left > 0; ++i) {
    const bool last = i + 1 == sizes.size() || left < 2 * kUnitBytes;
    sizes[i] = static_cast<uint32_t>(
        std::max(kUnitBytes, last ? std::bit_ceil(left) : std::bit_floor(left)));
    left -= std::min<uint64_t>(left, sizes[i]);
  }
  return sizes;
}

uint64_t Arena::rounded(uint64_t bytes) {
  uint64_t total = bytes / kSlabBytes * kSlabBytes;
  for (const uint32_t size : tail_sizes(bytes)) total += size;
  return total;
}

int Arena::order_of(uint32_t size) {
  return std::countr_zero(size / static_cast<uint32_t>(kUnitBytes));
}

size_t Arena::free_slabs() const {
  const size_t left = over_limit() ? 0 : limit_slabs_ - committed_slabs_;
  return free_committed_.size() + std::min(left, free_uncommitted_.size());
}

bool Arena::allocate(uint64_t bytes, void* owner, Extents& out, Effort effort, Use use) {
  CHECK(bytes > 0 && use != Use::kMovable);
  auto take = [&](uint32_t size) {
    std::byte* data =
        size == kSlabBytes ? take_whole(owner) : take_block(order_of(size), owner, effort, use);
    if (data == nullptr) return false;
    count_use(slab_of(data), use, 1);
    file(slab_of(data));
    out.push_back(Extent{data, size});
    used_bytes_.store(used_bytes() + size, std::memory_order_relaxed);
    return true;
  };
  const size_t slabs = bytes / kSlabBytes;
  const std::array<uint32_t, kTailExtentsMax> tail = tail_sizes(bytes);
  const auto tail_extents = tail.size() - static_cast<size_t>(std::ranges::count(tail, 0U));
  out.reserve(slabs + tail_extents);
  while (out.size() < slabs) {
    if (!take(kSlabBytes)) return false;
  }
  while (out.size() < slabs + tail_extents) {
    if (!take(tail[out.size() - slabs])) return false;
  }
  return true;
}

void Arena::release(std::span<const Extent> extents, Use use) {
  for (const Extent& extent : extents) {
    used_bytes_.store(used_bytes() - extent.size, std::memory_order_relaxed);
    Slab& slab = slab_of(extent.data);
    count_use(slab, use, -1);
    if (slab.cut == nullptr) {
      give_slab(slab);
    } else {
      const auto unit = static_cast<uint32_t>((extent.data - data_of(slab)) / kUnitBytes);
      const int order = order_of(extent.size);
      slab.cut->owners[unit] = nullptr;
      slab.used_units = static_cast<uint16_t>(slab.used_units - (1u << order));
      if (slab.used_units == 0) {
        give_slab(slab);
      } else {
        join_block(slab, order, unit >> order);
        file(slab);
      }
    }
  }
}

void Arena::count_use(Slab& slab, Use use, int change) {
  if (use == Use::kMovable) return;
  slab.held = static_cast<uint16_t>(slab.held + change);
  if (use != Use::kKept) return;
  const bool was_kept = slab.kept > 0;
  slab.kept = static_cast<uint16_t>(slab.kept + change);
  kept_slabs_ = kept_slabs_ + (slab.kept > 0 ? 1 : 0) - (was_kept ? 1 : 0);
}

uint32_t Arena::slabs_to_keep(std::span<const Extent> extents) const {
  return static_cast<uint32_t>(std::ranges::count_if(extents, [this](const Extent& extent) {
    return slabs_[static_cast<size_t>(extent.data - base_) / kSlabBytes].kept == 0;
  }));
}

uint32_t Arena::slabs_to_keep(uint64_t bytes) const {
  const uint32_t tail = tail_sizes(bytes).front();
  const bool fits =
      tail == 0 || (tail < kSlabBytes && first_with_room(order_of(tail), kKeptRooms) != nullptr);
  return static_cast<uint32_t>(bytes / kSlabBytes) + (fits ? 0 : 1);
}

void Arena::set_use(std::span<const Extent> extents, Use from, Use to) {
  for (const Extent& extent : extents) {
    Slab& slab = slab_of(extent.data);
    count_use(slab, to, 1);
    count_use(slab, from, -1);
    if (&slab == draining_) draining_ = nullptr;
    file(slab);
  }
}

Arena::Slab* Arena::take_slab() {
  uint32_t slab = 0;
  if (!free_committed_.empty()) {
    slab = free_committed_.back();
    free_committed_.pop_back();
  } else if (!free_uncommitted_.empty() && committed_slabs_ < limit_slabs_) {
    slab = free_uncommitted_.back();
    free_uncommitted_.pop_back();
    ++committed_slabs_;
  } else {
    return nullptr;
  }
  return &slabs_[slab];
}

void Arena::give_slab(Slab& slab) {
  if (slab.cut != nullptr) --shared_slabs_;
  slab.cut.reset();
  slab.owner = nullptr;
  slab.used_units = slab.free_orders = 0;
  if (&slab == draining_) draining_ = nullptr;
  file(slab);
  free_committed_.push_back(static_cast<uint32_t>(&slab - slabs_.data()));
}

std::byte* Arena::take_whole(void* owner) {
  Slab* slab = take_slab();
  if (slab == nullptr) return nullptr;
  slab->owner = owner;
  slab->used_units = kUnitsPerSlab;
  return data_of(*slab);
}

std::byte* Arena::take_block(int order, void* owner, Effort effort, Use use) {
  Slab* slab =
      use == Use::kKept ? first_with_room(order, kKeptRooms) : slab_with_room(order, effort);
  if (slab == nullptr) {
    if (effort == Effort::kSparing && free_slabs() <= reserve_slabs()) return nullptr;
    slab = take_slab();
    if (slab == nullptr) return nullptr;
    slab->cut = std::make_unique<Cut>();
    ++shared_slabs_;
    for (const uint32_t half : {0u, 1u}) mark(*slab, kSlabOrder - 1, half, true);
  }
  const uint32_t unit = cut_block(*slab, order) << order;
  slab->cut->owners[unit] = owner;
  slab->used_units = static_cast<uint16_t>(slab->used_units + (1u << order));
  filling_ = slab;
  return data_of(*slab) + unit * kUnitBytes;
}

/// `rooms`: the first of the lists for slabs of one kind.
Arena::Slab* Arena::first_with_room(int order, int rooms) const {
  for (int room = rooms + order; room < rooms + kSlabOrder; ++room) {
    if (!rooms_[room].empty()) return const_cast<Slab*>(&rooms_[room].front());
  }
  return nullptr;
}

Arena::Slab* Arena::slab_with_room(int order, Effort effort) {
  if (Slab* beside_held = first_with_room(order, 0)) return beside_held;
  if (effort == Effort::kSparing && crowded()) return nullptr;
  Slab* emptiest = cheapest_shared();
  if (emptiest != nullptr && emptiest->free_orders >> order != 0) return emptiest;
  return first_with_room(order, kSlabOrder);
}

Arena::Slab* Arena::cheapest_shared() {
  if (shared_costs_ == 0) return nullptr;
  return &costs_[std::countr_zero(shared_costs_)].front();
}

/// Takes a free block of that order, cut out of the smallest block that is large enough.
uint32_t Arena::cut_block(Slab& slab, int order) {
  int from = order + std::countr_zero(static_cast<unsigned>(slab.free_orders) >> order);
  CHECK(from < kSlabOrder);
  const auto& words = slab.cut->free[from];
  const auto word = std::ranges::find_if(words, [](uint64_t w) { return w != 0; });
  auto block = static_cast<uint32_t>((word - words.begin()) * 64 + std::countr_zero(*word));
  mark(slab, from, block, false);
  for (; from > order; --from) {  // keep the lower half, free the upper
    block *= 2;
    mark(slab, from - 1, block + 1, true);
  }
  return block;
}

/// Frees a block, joined with its buddy while that is free, too.
void Arena::join_block(Slab& slab, int order, uint32_t block) {
  for (; order + 1 < kSlabOrder; ++order, block /= 2) {
    const uint32_t buddy = block ^ 1;
    if ((slab.cut->free[order][buddy / 64] >> (buddy % 64) & 1) == 0) break;
    mark(slab, order, buddy, false);
  }
  mark(slab, order, block, true);
}

void Arena::mark(Slab& slab, int order, uint32_t block, bool free) {
  slab.cut->free[order][block / 64] ^= uint64_t{1} << (block % 64);
  uint16_t& count = slab.cut->free_count[order];
  count = static_cast<uint16_t>(free ? count + 1 : count - 1);
  const auto bit = static_cast<uint16_t>(1u << order);
  slab.free_orders =
      static_cast<uint16_t>(count > 0 ? slab.free_orders | bit : slab.free_orders & ~bit);
}

uint8_t Arena::room_of(const Slab& slab) const {
  if (slab.free_orders == 0 || &slab == draining_) return kNowhere;
  const int largest = std::bit_width(slab.free_orders) - 1;
  if (slab.kept > 0) return static_cast<uint8_t>(kKeptRooms + largest);
  return static_cast<uint8_t>(slab.held > 0 ? largest : kSlabOrder + largest);
}

uint8_t Arena::cost_of(const Slab& slab) const {
  if (slab.used_units == 0 || &slab == draining_) return kNowhere;
  if (slab.cut == nullptr) return slab.held > 0 ? kNowhere : kWhole;
  if (slab.kept > 0) return kNowhere;
  if (slab.held > 0) return kHeldShared;
  return static_cast<uint8_t>((slab.used_units - 1) / kUnitsPerCost);
}

void Arena::file(Slab& slab) {
  const uint8_t room = room_of(slab);
  if (room != slab.room) {
    if (slab.room != kNowhere) rooms_[slab.room].erase(Rooms::s_iterator_to(slab));
    if (room != kNowhere) rooms_[room].push_front(slab);
    slab.room = room;
  }
  const uint8_t cost = cost_of(slab);
  if (cost == slab.cost) return;
  if (slab.cost != kNowhere) {
    Costs& before = costs_[slab.cost];
    before.erase(Costs::s_iterator_to(slab));
    if (before.empty() && slab.cost < kCosts) shared_costs_ &= ~(uint64_t{1} << slab.cost);
  }
  if (cost != kNowhere) {
    costs_[cost].push_back(slab);
    if (cost < kCosts) shared_costs_ |= uint64_t{1} << cost;
  }
  slab.cost = cost;
}

/// The cheapest shared slab, except the slab that was cut last, which has the newest pages.
Arena::Slab* Arena::cheapest_settled() {
  for (uint64_t costs = shared_costs_; costs != 0; costs &= costs - 1) {
    Costs& slabs = costs_[std::countr_zero(costs)];
    if (&slabs.front() != filling_) return &slabs.front();
    if (&slabs.back() != filling_) return &slabs.back();
  }
  return nullptr;
}

bool Arena::start_draining() {
  Slab* slab = cheapest_settled();
  if (slab == nullptr) slab = cheapest_shared();
  if (slab == nullptr && !costs_[kWhole].empty()) slab = &costs_[kWhole].front();
  if (slab == nullptr) return false;
  Slab* const before = std::exchange(draining_, slab);
  if (before != nullptr) file(*before);
  file(*slab);
  return true;
}

std::span<void* const> Arena::draining_owners() const {
  CHECK(draining_ != nullptr);
  if (draining_->cut == nullptr) return {&draining_->owner, 1};
  return draining_->cut->owners;
}

std::span<void* const> Arena::held_owners() const {
  const Costs& held = costs_[kHeldShared];
  if (held.empty()) return {};
  return held.front().cut->owners;
}

void Arena::pass_held() {
  Costs& held = costs_[kHeldShared];
  held.splice(held.end(), held, held.begin());
}

void Arena::set_limit(uint64_t bytes) {
  limit_slabs_ = static_cast<uint32_t>(std::min<uint64_t>(bytes / kSlabBytes, slabs_.size()));
}

std::optional<uint32_t> Arena::take_past_limit() {
  if (!has_past_limit()) return std::nullopt;
  const uint32_t slab = free_committed_.back();
  free_committed_.pop_back();
  --committed_slabs_;
  return slab;
}

bool Arena::lacks_touched() const {
  if (free_uncommitted_.empty() || committed_slabs_ >= limit_slabs_) return false;
  const size_t touched = touched_slabs();
  const size_t wanted =
      std::min({kTouchedMax, size_t{limit_slabs_ / kTouchedShare}, committed_slabs_ - touched + 2});
  return touched < wanted;
}

std::optional<uint32_t> Arena::take_to_touch() {
  if (!lacks_touched()) return std::nullopt;
  const uint32_t slab = free_uncommitted_.back();
  free_uncommitted_.pop_back();
  ++committed_slabs_;
  return slab;
}

void Arena::touch(uint32_t slab) const {
  std::byte* const begin = base_ + slab * kSlabBytes;
  for (uint64_t at = 0; at < kSlabBytes; at += kUnitBytes)
    *const_cast<volatile std::byte*>(begin + at) = std::byte{0};
}

void Arena::uncommit(uint32_t slab) const {
  ::madvise(base_ + slab * kSlabBytes, kSlabBytes, MADV_DONTNEED);
}

}  // namespace cachey::store
