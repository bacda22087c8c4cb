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

/// The whole memory; its last unit is not cut at the last byte. REQUIRES: pinned.
[[nodiscard]] std::vector<iovec> units_of(const store::Evictable& memory);

}  // namespace cachey::cache
