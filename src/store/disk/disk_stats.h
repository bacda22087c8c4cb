#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "store/ghost_hits.h"
#include "store/pin_rules.h"

namespace cachey::store {

/// The reason why a page was not written.
enum class DiskDrop : uint8_t {
  kOpening,      ///< the index is still being read
  kOffline,      ///< the disk is out of use
  kQueueFull,    ///< too many pages wait, because the disk is too slow
  kNoSpace,      ///< all pages that could be evicted are being read
  kTooLong,      ///< the record with key and version does not fit a journal block
  kWriteError,   ///< the device failed, or took too long
  kStale,        ///< another version of the object was seen meanwhile
  kJournalFull,  ///< too many records wait, because the journal cannot be written
  kEvicted,      ///< the page left memory before its turn
  kStuck,        ///< the device has too much memory of late operations
  kManyParts,    ///< of a page: as many begin in this block of 64 KiB as may
  kReadOnly,     ///< a write found no room, and no probe has succeeded since
};
inline constexpr size_t kDiskDrops = 12;
[[nodiscard]] std::string_view to_string(DiskDrop cause);

/// Counts of the disk tier; read at any time, from any thread.
struct DiskStats {
  using Count = std::atomic<uint64_t>;

  Count reads{0};                ///< successful reads
  Count read_bytes{0};           ///< bytes of pages read from the device
  Count read_errors{0};          ///< the device failed
  Count read_timeouts{0};        ///< the device did not answer in time
  Count reads_refused{0};        ///< too much memory of late operations, or the region is out
  Count corrupt_reads{0};        ///< reads with a checksum mismatch
  Count corrupt_blocks{0};       ///< blocks with a checksum mismatch
  Count insertions{0};           ///< pages and parts written
  Count written_bytes{0};        ///< bytes of pages written, rounded up to 4 KiB
  Count journal_bytes{0};        ///< bytes of journal and superblocks written
  Count write_errors{0};         ///< the device failed or took too long
  Count journal_moves{0};        ///< to another place, because its own could not be written
  Count journal_lost_blocks{0};  ///< unreadable when the journal was cleaned
  Count times_offline{0};
  Count regions_went_out{0};
  Count recovered_pages{0};       ///< pages and parts found when the store was opened
  Count recovered_damaged{0};     ///< damaged journal blocks found then
  Count recovered_unreadable{0};  ///< journal blocks that the device failed to read then
  std::array<Count, kDiskDrops> drops{};

  void drop(DiskDrop cause) { add(drops[static_cast<size_t>(cause)], 1); }
  static void add(Count& count, uint64_t by) { count.fetch_add(by, std::memory_order_relaxed); }
};

/// A snapshot of the tier.
struct DiskUsage {
  uint64_t capacity = 0;       ///< bytes of the device
  uint64_t used_bytes = 0;     ///< of the capacity, with metadata and rounding
  uint64_t payload_bytes = 0;  ///< of pages and parts
  uint64_t pages = 0;
  uint64_t parts = 0;               ///< of pages
  uint64_t evictions = 0;           ///< since the start
  GhostHits::View ghosts;           ///< how often evicted pages and parts come back
  uint64_t queued_bytes = 0;        ///< of pages in the queue and being written
  uint64_t late_bytes = 0;          ///< of memory with the device past its deadline
  uint64_t regions_out = 0;         ///< regions of the device that are not used
  uint64_t pending_records = 0;     ///< journal records that are not on disk yet
  uint64_t pending_bytes = 0;       ///< their memory
  uint64_t space_memory_bytes = 0;  ///< of the tables of free space, a part of memory_bytes
  uint64_t memory_bytes = 0;        ///< of the index in memory
  KeptPages kept;
  bool online = false;
  bool read_only = false;  ///< writes find no room: the file system is full or read-only
};

}  // namespace cachey::store
