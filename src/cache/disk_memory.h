#pragma once

#include <sys/uio.h>

#include <memory>
#include <optional>
#include <vector>

#include "store/disk/disk_tier.h"
#include "store/evictable.h"
#include "store/memory_tier.h"

/// The memory of pages and pieces in the form that the disk tier needs.
namespace cachey::cache {

/// A handle that keeps the memory pinned and the admission held until it is destroyed. Null: the
/// memory is gone.
[[nodiscard]] store::DiskTier::Keep pin_for_disk(store::EvictablePtr memory,
                                                 std::optional<store::Admission> admission);

/// The first `bytes` bytes of the memory; the last unit is not cut at the last byte. REQUIRES:
/// pinned.
[[nodiscard]] std::vector<iovec> units_of(const store::Evictable& memory, uint64_t bytes);

/// Memory of whole units for at least `bytes` bytes, charged while it is kept. Up to 2 MiB.
[[nodiscard]] store::DiskPageMemory buffer_for_disk(uint64_t bytes, store::MemoryTier& tier);

/// A copy of `run` of the memory, whole units, because the run begins within a unit. Charged while
/// the copy is kept. Nothing: the memory is gone. Copies up to 2 MiB.
[[nodiscard]] std::optional<store::DiskPageMemory> copy_of(store::Evictable& memory, ByteRange run,
                                                           store::MemoryTier& tier);

}  // namespace cachey::cache
