#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/error.h"
#include "store/disk/catalog.h"
#include "store/disk/device.h"
#include "store/disk/format.h"

namespace cachey::store {

/// The better of the two copies, whatever its state; the first, where it is none of ours. Fails
/// where neither can be read.
[[nodiscard]] Result<ParsedSuperblock> read_superblock(BlockDevice& device);

/// A loss of power may leave some of its units as they were: then each copy is written when the
/// other is durable.
[[nodiscard]] inline bool may_be_torn(std::span<const std::byte> superblock) {
  return superblock.size() > kUnitBytes;
}

/// Both copies, one after the other, so that one is whole at any time.
IoStatus write_superblock(BlockDevice& device, const Superblock& superblock);

struct ReplayReport {
  uint64_t blocks = 0;             ///< journal blocks that hold records
  uint64_t damaged_blocks = 0;     ///< within what was written
  uint64_t next_block = 0;         ///< where the journal goes on
  uint64_t overlapping_pages = 0;  ///< left out, for a newer one has some of their space
};

/// Reads the journal from its oldest segment on and hands over each record, with its block's
/// number, in order. What is damaged is passed over. Blocks.
[[nodiscard]] ReplayReport replay_journal(
    BlockDevice& device, const Superblock& superblock,
    const std::function<void(const JournalRecord&, uint64_t block)>& visit);

/// Fills an empty catalog from the journal. Blocks.
[[nodiscard]] ReplayReport restore_catalog(BlockDevice& device, const Superblock& superblock,
                                           Catalog& catalog);

}  // namespace cachey::store
