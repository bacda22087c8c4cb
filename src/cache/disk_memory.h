#pragma once

#include <sys/uio.h>

#include <memory>
#include <optional>
#include <vector>

#include "store/disk/disk_tier.h"
#include "store/evictable.h"
#include "store/memory_tier.h"

/// Memory of pages as the disk tier takes it.
namespace cachey::cache {

/// Keeps the memory, and the share of the budget that was had for it, for as long as it lasts.
/// Null: the memory is gone already.
[[nodiscard]] store::DiskTier::Keep pin_for_disk(
    store::EvictablePtr memory, std::optional<store::MemoryTier::Admission> admission);

/// All of the memory, the last unit whole. REQUIRES: pinned.
[[nodiscard]] std::vector<iovec> units_of(const store::Evictable& memory);

}  // namespace cachey::cache
