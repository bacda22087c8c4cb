#include "store/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.h"

namespace cachey::store {

// candidates_[n] has each shared slab with a free block of order n, once. It may also have slabs
// without such a block: take_block() drops these when it finds them.

Arena::Arena(uint64_t capacity) : slabs_(static_cast<uint32_t>(capacity / kSlabBytes)) {
  CHECK(slabs_ > 0);
  const size_t bytes = slabs_ * kSlabBytes;
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
  shared_.resize(slabs_);
  listed_.resize(slabs_);
  free_uncommitted_.resize(slabs_);
  for (uint32_t i = 0; i < slabs_; ++i) free_uncommitted_[i] = slabs_ - 1 - i;
  limit_slabs_ = slabs_;
}

Arena::~Arena() { ::munmap(base_, slabs_ * kSlabBytes); }

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

bool Arena::allocate(uint64_t bytes, void* owner, Extents& out) {
  CHECK(bytes > 0);
  const size_t before = out.size();
  auto take = [&](uint32_t size) {
    std::byte* data = size == kSlabBytes ? take_slab() : take_block(order_of(size), owner);
    if (data == nullptr) {
      release({out.data() + before, out.size() - before}, owner);
      out.resize(before);
      return false;
    }
    out.push_back(Extent{data, size});
    used_bytes_ += size;
    return true;
  };
  const std::array<uint32_t, kTailExtentsMax> tail = tail_sizes(bytes);
  const auto tail_extents = tail.size() - static_cast<size_t>(std::ranges::count(tail, 0U));
  out.reserve(before + bytes / kSlabBytes + tail_extents);
  for (uint64_t i = 0; i < bytes / kSlabBytes; ++i) {
    if (!take(kSlabBytes)) return false;
  }
  for (const uint32_t size : tail) {
    if (size > 0 && !take(size)) return false;
  }
  return true;
}

void Arena::release(std::span<const Extent> extents, void* owner) {
  for (const Extent& extent : extents) {
    used_bytes_ -= extent.size;
    if (extent.size == kSlabBytes) {
      give_slab(static_cast<uint32_t>((extent.data - base_) / kSlabBytes));
    } else {
      give_block(extent.data, order_of(extent.size), owner);
    }
  }
}

std::byte* Arena::take_slab() {
  uint32_t slab = kNone;
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
  return base_ + slab * kSlabBytes;
}

void Arena::give_slab(uint32_t slab) {
  if (committed_slabs_ > limit_slabs_) return uncommit(slab);
  free_committed_.push_back(slab);
}

void Arena::uncommit(uint32_t slab) {
  ::madvise(base_ + slab * kSlabBytes, kSlabBytes, MADV_DONTNEED);
  --committed_slabs_;
  free_uncommitted_.push_back(slab);
}

void Arena::set_limit(uint64_t bytes) {
  limit_slabs_ = static_cast<uint32_t>(std::min<uint64_t>(bytes / kSlabBytes, slabs_));
  while (committed_slabs_ > limit_slabs_ && !free_committed_.empty()) {
    const uint32_t slab = free_committed_.back();
    free_committed_.pop_back();
    uncommit(slab);
  }
}

std::byte* Arena::take_block(int order, void* owner) {
  for (int from = order; from < kSlabOrder; ++from) {
    std::vector<uint32_t>& slabs = candidates_[from];
    while (!slabs.empty()) {
      const uint32_t slab = slabs.back();
      const bool has =
          shared_[slab] != nullptr &&
          std::ranges::any_of(shared_[slab]->free[from], [](uint64_t w) { return w != 0; });
      if (!has) {
        slabs.pop_back();
        listed_[slab] = static_cast<uint16_t>(listed_[slab] & ~(1u << from));
        continue;
      }
      return take_block_in(slab, order, owner);
    }
  }
  std::byte* data = take_slab();
  if (data == nullptr) return nullptr;
  const auto slab = static_cast<uint32_t>((data - base_) / kSlabBytes);
  shared_[slab] = std::make_unique<Shared>();
  for (const uint32_t half : {0u, 1u}) mark_free(slab, kSlabOrder - 1, half);
  return take_block_in(slab, order, owner);
}

std::byte* Arena::take_block_in(uint32_t slab, int order, void* owner) {
  Shared& shared = *shared_[slab];
  int from = order;
  uint32_t block = kNone;
  for (; from < kSlabOrder && block == kNone; ++from) {
    for (uint32_t word = 0; word < shared.free[from].size(); ++word) {
      if (shared.free[from][word] == 0) continue;
      block = word * 64 + static_cast<uint32_t>(std::countr_zero(shared.free[from][word]));
      break;
    }
  }
  CHECK(block != kNone);
  --from;
  shared.free[from][block / 64] &= ~(uint64_t{1} << (block % 64));
  for (; from > order; --from) {  // keep the lower half, free the upper
    block *= 2;
    mark_free(slab, from - 1, block + 1);
  }
  shared.used_units += 1u << order;
  shared.owners.push_back(owner);
  return base_ + slab * kSlabBytes + (uint64_t{block} << order) * kUnitBytes;
}

void Arena::give_block(std::byte* data, int order, void* owner) {
  const auto offset = static_cast<uint64_t>(data - base_);
  const auto slab = static_cast<uint32_t>(offset / kSlabBytes);
  auto block = static_cast<uint32_t>(offset % kSlabBytes / kUnitBytes >> order);
  Shared& shared = *shared_[slab];
  shared.used_units -= 1u << order;
  const auto at = std::ranges::find(shared.owners, owner);
  CHECK(at != shared.owners.end());
  *at = shared.owners.back();
  shared.owners.pop_back();
  if (shared.used_units == 0) {
    shared_[slab].reset();
    return give_slab(slab);
  }
  while (order + 1 < kSlabOrder) {  // join with the buddy while that is free too
    const uint32_t buddy = block ^ 1;
    uint64_t& word = shared.free[order][buddy / 64];
    if ((word >> (buddy % 64) & 1) == 0) break;
    word &= ~(uint64_t{1} << (buddy % 64));
    block /= 2;
    ++order;
  }
  mark_free(slab, order, block);
}

void Arena::mark_free(uint32_t slab, int order, uint32_t block) {
  shared_[slab]->free[order][block / 64] |= uint64_t{1} << (block % 64);
  if ((listed_[slab] >> order & 1) != 0) return;
  listed_[slab] = static_cast<uint16_t>(listed_[slab] | 1u << order);
  candidates_[order].push_back(slab);
}

std::vector<void*> Arena::owners_of_emptiest_slab(size_t skip) const {
  std::vector<std::pair<uint32_t, uint32_t>> slabs;  // used units, slab
  for (uint32_t i = 0; i < slabs_; ++i) {
    if (shared_[i] != nullptr) slabs.emplace_back(shared_[i]->used_units, i);
  }
  if (slabs.size() <= skip) return {};
  std::ranges::nth_element(slabs, slabs.begin() + static_cast<std::ptrdiff_t>(skip));
  return shared_[slabs[skip].second]->owners;
}

}  // namespace cachey::store
