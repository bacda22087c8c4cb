#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "store/disk/catalog.h"
#include "store/disk/device.h"
#include "store/disk/format.h"
#include "store/pin_rules.h"

namespace cachey::store {

struct ReplayReport {
  uint64_t blocks = 0;             ///< journal blocks that hold records
  uint64_t damaged_blocks = 0;     ///< before a readable block of the same life
  uint64_t unreadable_blocks = 0;  ///< the device failed each time
  uint64_t overlapping_pages = 0;  ///< dropped, because a newer page has some of their space
  /// The segments that hold records, each cut behind its last readable block: what could not be
  /// read counts for nothing from now on.
  std::vector<JournalSegment> segments;
  /// Segments that begin before this block are to be cleaned: one of them has unread blocks.
  uint64_t clean_before = 0;
};

/// A read of the journal that fails is repeated in smaller pieces, each this often.
inline constexpr int kRecoveryTries = 3;
/// The number of failed reads in all after which each piece has one try.
inline constexpr unsigned kRecoveryFailuresMax = 1'000;

/// Reads the journal from its oldest segment on and calls `visit` for each record, in order, with
/// the block's number. Skips damaged and unreadable blocks. Blocks.
[[nodiscard]] ReplayReport replay_journal(
    BlockDevice& device, const Superblock& superblock,
    const std::function<void(const JournalRecord&, uint64_t block)>& visit);

/// Texts of attributes that no record names yet have the memory of this many segments at most.
inline constexpr size_t kUnusedTextSegments = 4;

/// Fills an empty catalog from the journal. `pins`: null if no page is kept. Blocks.
[[nodiscard]] ReplayReport restore_catalog(BlockDevice& device, const Superblock& superblock,
                                           Catalog& catalog, const InternAttributes& intern,
                                           const PinRules* pins = nullptr);

}  // namespace cachey::store
