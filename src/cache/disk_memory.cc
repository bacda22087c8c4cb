#include "cache/disk_memory.h"

#include <array>
#include <utility>

namespace cachey::cache {
namespace {

struct Kept {
  store::MemoryTier::Hold hold;
  std::optional<store::Admission> admission;
};

}  // namespace

store::DiskTier::Keep pin_for_disk(store::EvictablePtr memory,
                                   std::optional<store::Admission> admission) {
  std::optional<store::MemoryTier::Hold> hold = store::MemoryTier::hold(std::move(memory));
  if (!hold) return nullptr;
  return std::make_shared<Kept>(std::move(*hold), std::move(admission));
}

std::vector<iovec> units_of(const store::Evictable& memory) {
  // Slabs of the arena, and the extents of the tail.
  constexpr size_t kPartsMax =
      kPageBytes / store::Arena::kSlabBytes + store::Arena::kTailExtentsMax;
  std::array<iovec, kPartsMax> parts;
  const size_t count = memory.gather(ByteRange{0, memory.memory_bytes()}, parts);
  std::vector<iovec> units(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count));
  // An extent consists of whole units, so the memory up to the unit's end belongs to it.
  const size_t odd = units.back().iov_len % store::kUnitBytes;
  if (odd != 0) units.back().iov_len += store::kUnitBytes - odd;
  return units;
}

}  // namespace cachey::cache
