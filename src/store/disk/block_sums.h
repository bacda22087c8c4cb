#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/byte_range.h"
#include "rt/worker.h"
#include "store/disk/entry.h"

namespace cachey::store {

/// The checksums of the page's blocks within `range`, with `parts` as their memory. Other tasks of
/// the worker run after every kHashedAtOnce bytes. REQUIRES: the range begins at a block and ends
/// at a block or at the page's end; entry and memory stay valid during the call.
[[nodiscard]] rt::Task<std::vector<uint64_t>> block_sums(rt::Worker& worker, uint64_t store_id,
                                                         const DiskEntry& entry, ByteRange range,
                                                         std::span<const iovec> parts);

/// Takes some 100 us.
inline constexpr uint64_t kHashedAtOnce = kMiB;

}  // namespace cachey::store
