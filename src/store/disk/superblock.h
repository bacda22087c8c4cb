#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "rt/worker.h"
#include "store/disk/device.h"
#include "store/disk/disk_stats.h"
#include "store/disk/format.h"
#include "store/disk/io_parts.h"
#include "store/disk/timed_io.h"

namespace cachey::store {

/// The better of the two copies, in any state: a valid one before any other. Fails if neither can
/// be read, or if one cannot and the other is not valid.
[[nodiscard]] Result<ParsedSuperblock> read_superblock(BlockDevice& device);

/// Of a device that begins with other data than a store's.
inline constexpr const char* kForeignData =
    "it holds something that is no cache of ours; --disk-wipe overwrites it";

[[nodiscard]] constexpr uint64_t superblock_offset(uint32_t copy) {
  return copy == 0 ? 0 : kSuperblockCopyOffset;
}

/// Writes both copies, `first` before the other: what the superblock tells of is durable before the
/// first copy is written, and each copy is durable before anything else is written. So one copy is
/// whole at any time, if `first` is not the only whole copy. Blocks.
IoStatus write_superblock(BlockDevice& device, const Superblock& superblock, uint32_t first = 0);

/// The superblock of an open store. A superblock is written as write_superblock() does. Used by one
/// task at a time. Owned by the journal task; the device outlives it.
///
/// The store may be larger than the capacity that it is opened with: nothing is placed past that
/// capacity, but old journal segments may be there. The first superblock that lists none of them
/// has the smaller capacity, and once both copies are durable the device is cut. A crash before
/// leaves a whole store of the larger capacity.
class SuperblockWriter {
 public:
  struct Opened {
    Superblock superblock;
    uint32_t copy = 0;      ///< the copy that is whole
    uint64_t capacity = 0;  ///< bytes that the store is to use from now on; at most its capacity
  };

  SuperblockWriter(BlockDevice& device, const Clock& clock, std::chrono::milliseconds limit,
                   DiskStats& stats, Opened opened)
      : device_(device),
        io_(device, clock, limit),
        stats_(stats),
        capacity_(opened.capacity),
        current_(std::move(opened.superblock)),
        next_copy_(1 - opened.copy) {}

  /// The last superblock that was written, with the sequence of the last attempt.
  [[nodiscard]] const Superblock& current() const { return current_; }
  /// The store still has the larger capacity that it was opened with.
  [[nodiscard]] bool is_shrinking() const { return capacity_ < current_.capacity; }
  /// Of the superblocks that are written from now on.
  void set_openings(uint64_t openings) { current_.openings = openings; }

  /// Writes a superblock with these segments. ETIMEDOUT: the device has not answered by the
  /// deadline. Until it has, each call fails with ETIMEDOUT at once: what hangs could overwrite a
  /// newer superblock.
  [[nodiscard]] rt::Task<IoStatus> write(rt::Worker& worker, std::vector<JournalSegment> segments);
  /// The same, blocking, without a deadline.
  [[nodiscard]] IoStatus write_now(std::vector<JournalSegment> segments);

 private:
  [[nodiscard]] Superblock next(std::vector<JournalSegment> segments);
  [[nodiscard]] rt::Task<void> cut(rt::Worker& worker);
  [[nodiscard]] rt::Task<IoStatus> write_copies(rt::Worker& worker,
                                                std::shared_ptr<AlignedBuffer> encoded);

  BlockDevice& device_;
  TimedIo io_;
  DiskStats& stats_;
  const uint64_t capacity_;
  Superblock current_;
  uint32_t next_copy_;  // to be written: the other copy is whole
};

}  // namespace cachey::store
