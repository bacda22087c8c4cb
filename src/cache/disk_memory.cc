#include "cache/disk_memory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "store/disk/io_parts.h"

namespace cachey::cache {
namespace {

struct Kept {
  store::MemoryTier::Hold hold;
  std::optional<store::Admission> admission;
};

/// Memory outside of the arena, charged to the tier.
class Buffer {
 public:
  Buffer(store::MemoryTier& tier, size_t bytes) : tier_(tier), buffer_(bytes) {
    tier_.charge(static_cast<int64_t>(bytes));
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { tier_.charge(-static_cast<int64_t>(buffer_.bytes().size())); }
  [[nodiscard]] store::AlignedBuffer& buffer() { return buffer_; }

 private:
  store::MemoryTier& tier_;
  store::AlignedBuffer buffer_;
};

}  // namespace

store::DiskTier::Keep pin_for_disk(store::EvictablePtr memory,
                                   std::optional<store::Admission> admission) {
  std::optional<store::MemoryTier::Hold> hold = store::MemoryTier::hold(std::move(memory));
  if (!hold) return nullptr;
  return std::make_shared<Kept>(std::move(*hold), std::move(admission));
}

std::vector<iovec> units_of(const store::Evictable& memory, uint64_t bytes) {
  // Slabs of the arena, and the extents of the tail.
  constexpr size_t kPartsMax =
      kPageBytes / store::Arena::kSlabBytes + store::Arena::kTailExtentsMax;
  std::array<iovec, kPartsMax> parts;
  const size_t count = memory.gather(ByteRange{0, bytes}, parts);
  std::vector<iovec> units(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count));
  // An extent consists of whole units, so the memory up to the unit's end belongs to it.
  const size_t odd = units.back().iov_len % store::kUnitBytes;
  if (odd != 0) units.back().iov_len += store::kUnitBytes - odd;
  return units;
}

store::DiskPageMemory buffer_for_disk(uint64_t bytes, store::MemoryTier& tier) {
  const size_t units = (bytes + store::kUnitBytes - 1) / store::kUnitBytes;
  auto buffer = std::make_shared<Buffer>(tier, units * store::kUnitBytes);
  return store::DiskPageMemory{{buffer->buffer().part()}, buffer};
}

std::optional<store::DiskPageMemory> copy_of(store::Evictable& memory, ByteRange run,
                                             store::MemoryTier& tier) {
  if (!memory.try_pin()) return std::nullopt;
  const size_t units = (run.size() + store::kUnitBytes - 1) / store::kUnitBytes;
  auto copy = std::make_shared<Buffer>(tier, units * store::kUnitBytes);
  const std::span<std::byte> bytes = copy->buffer().bytes();
  for (uint64_t at = run.begin; at < run.end;) {
    std::array<iovec, 1> from;
    if (memory.gather({at, run.end}, from) == 0) break;
    std::memcpy(&bytes[at - run.begin], from[0].iov_base, from[0].iov_len);
    at += from[0].iov_len;
  }
  memory.unpin();
  std::ranges::fill(bytes.subspan(run.size()), std::byte{});
  return store::DiskPageMemory{{copy->buffer().part()}, copy};
}

}  // namespace cachey::cache
