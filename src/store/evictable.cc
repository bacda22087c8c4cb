#include "store/evictable.h"

#include <algorithm>

#include "base/check.h"
#include "store/memory_tier.h"
#include "store/use_count.h"

namespace cachey::store {

Evictable::~Evictable() {
  if (tier_ != nullptr && (pins_.load(std::memory_order_acquire) & kGone) == 0)
    tier_->reclaim(*this);
}

bool Evictable::try_pin() {
  uint32_t pins = pins_.load(std::memory_order_relaxed);
  do {
    if ((pins & (kGone | kDoomed)) != 0) return false;
  } while (!pins_.compare_exchange_weak(pins, pins + 1, std::memory_order_acquire,
                                        std::memory_order_relaxed));
  return true;
}

void Evictable::unpin() {
  const uint32_t before = pins_.fetch_sub(1, std::memory_order_release);
  if (before == (kDoomed | 1)) tier_->free_if_unpinned(*this);
}

bool Evictable::try_take() {
  uint32_t pins = pins_.load(std::memory_order_relaxed) & kDoomed;
  return pins_.compare_exchange_strong(pins, pins | kGone, std::memory_order_acq_rel,
                                       std::memory_order_relaxed);
}

size_t Evictable::gather(ByteRange range, std::span<iovec> out) const {
  size_t count = 0;
  uint64_t begin = 0;  // of the extent in the page
  for (const Extent& extent : extents_) {
    const uint64_t end = begin + extent.size;
    if (range.begin < end) {
      const uint64_t from = std::max(range.begin, begin);
      const uint64_t to = std::min(range.end, end);
      if (from >= to || count == out.size()) break;
      out[count++] = iovec{extent.data + (from - begin), to - from};
    }
    begin = end;
  }
  return count;
}

std::span<std::byte> Evictable::writable(uint64_t offset) const {
  uint64_t begin = 0;
  for (const Extent& extent : extents_) {
    const uint64_t end = begin + extent.size;
    if (offset < end) return {extent.data + (offset - begin), std::min(end, bytes_) - offset};
    begin = end;
  }
  CHECK(false);
}

void Evictable::reading_began(MonoTime now) {
  readers_.fetch_add(1);
  reading_progressed(now);
}

void Evictable::reading_progressed(MonoTime now) {
  progress_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

bool Evictable::reading_ended() {
  // Sequentially consistent, as in MemoryTier::discard(): at least one of the two calls sees the
  // other's store.
  return readers_.fetch_sub(1) == 1 && unwanted_.load();
}

bool Evictable::has_live_reader(MonoTime now, std::chrono::nanoseconds patience) const {
  if (readers_.load(std::memory_order_relaxed) == 0) return false;
  const MonoTime progress{MonoTime::duration(progress_.load(std::memory_order_relaxed))};
  return now - progress <= patience;
}

void Evictable::touch() {
  const uint8_t uses = uses_.load(std::memory_order_relaxed);
  const uint8_t after = UseCount::used(uses);
  if (uses != after) uses_.store(after, std::memory_order_relaxed);
}

}  // namespace cachey::store
