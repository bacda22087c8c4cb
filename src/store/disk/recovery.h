#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/error.h"
#include "store/disk/catalog.h"
#include "store/disk/device.h"
#include "store/disk/format.h"

namespace cachey::store {

/// The better of the two copies, in any state. If the first copy is foreign, that copy. Fails if
/// neither can be read, or if one cannot and the other is blank.
[[nodiscard]] Result<ParsedSuperblock> read_superblock(BlockDevice& device);

/// True for a superblock of several units: a loss of power may write only some of them. Then each
/// copy is written only once the other copy is durable.
[[nodiscard]] inline bool may_be_torn(std::span<const std::byte> superblock) {
  return superblock.size() > kUnitBytes;
}

/// Writes both copies, one after the other, so that one is whole at any time. Blocks.
IoStatus write_superblock(BlockDevice& device, const Superblock& superblock);

struct ReplayReport {
  uint64_t blocks = 0;             ///< journal blocks that hold records
  uint64_t damaged_blocks = 0;     ///< before the last readable block
  uint64_t next_block = 0;         ///< the number of the next block to write
  uint64_t overlapping_pages = 0;  ///< dropped, because a newer page has some of their space
};

/// Reads the journal from its oldest segment on and calls `visit` for each record, in order, with
/// the block's number. Skips damaged blocks. Blocks.
[[nodiscard]] ReplayReport replay_journal(
    BlockDevice& device, const Superblock& superblock,
    const std::function<void(const JournalRecord&, uint64_t block)>& visit);

/// Fills an empty catalog from the journal. Blocks.
[[nodiscard]] ReplayReport restore_catalog(BlockDevice& device, const Superblock& superblock,
                                           Catalog& catalog);

}  // namespace cachey::store
