#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace cachey::store {

/// Why a page was not written.
enum class DiskDrop : uint8_t {
  kOpening,     ///< the index is still being read
  kOffline,     ///< the disk is out of use
  kQueueFull,   ///< the disk does not keep up
  kNoSpace,     ///< whatever could leave is being read
  kTooLong,     ///< its key and version do not fit a journal block
  kWriteError,  ///< the device failed, or took too long
  kStale,       ///< another version of the object was seen meanwhile
};
inline constexpr size_t kDiskDrops = 7;
[[nodiscard]] std::string_view to_string(DiskDrop cause);

/// Counts of the disk tier; read at any time, from any thread.
struct DiskStats {
  using Count = std::atomic<uint64_t>;

  Count reads{0};                ///< that delivered
  Count read_bytes{0};           ///< from the device, for pages
  Count read_errors{0};          ///< the device failed
  Count read_timeouts{0};        ///< the device did not answer in time
  Count corrupt_reads{0};        ///< brought other bytes than were written
  Count corrupt_blocks{0};       ///< whose checksum did not match
  Count insertions{0};           ///< pages written
  Count written_bytes{0};        ///< to the device: pages, rounded to 4 KiB
  Count journal_bytes{0};        ///< to the device: journal and superblocks
  Count write_errors{0};         ///< the device failed or took too long
  Count journal_lost_blocks{0};  ///< could not be read when their turn to be copied came
  Count times_offline{0};
  Count recovered_pages{0};    ///< found when opened
  Count recovered_damaged{0};  ///< journal blocks that were not whole then
  std::array<Count, kDiskDrops> drops{};

  void drop(DiskDrop cause) { add(drops[static_cast<size_t>(cause)], 1); }
  static void add(Count& count, uint64_t by) { count.fetch_add(by, std::memory_order_relaxed); }
};

/// What the tier holds at a moment.
struct DiskUsage {
  uint64_t capacity = 0;       ///< bytes of the device
  uint64_t used_bytes = 0;     ///< of it, with metadata and rounding
  uint64_t payload_bytes = 0;  ///< of pages
  uint64_t pages = 0;
  uint64_t evictions = 0;        ///< since the start
  uint64_t queued_bytes = 0;     ///< waiting to be written, or being written
  uint64_t pending_records = 0;  ///< of the journal, not on disk yet
  uint64_t memory_bytes = 0;     ///< of the process, for the index
  bool online = false;
};

}  // namespace cachey::store
