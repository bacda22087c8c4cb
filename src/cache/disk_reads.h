#pragma once

#include "base/byte_range.h"
#include "base/clock.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// Loads pieces of pages from the disk as readers need them. A load is a task of the worker that
/// started it and outlives the request that asked for it. If the disk cannot give a piece, its page
/// is lost: the page leaves the table, and readers get another page, from the origin. Owned by the
/// cache. Any thread, but a worker that is passed in must be the calling thread's own.
class DiskReads {
 public:
  /// `disk`: null if there is no disk tier.
  DiskReads(store::DiskTier* disk, store::MemoryTier& memory, PageTable& table)
      : disk_(disk), memory_(memory), table_(table) {}

  /// Looks on the disk for a page that find_or_create made. True: the disk has the page in the
  /// object's current version; its phase is now kOnDisk, and it needs no fill.
  [[nodiscard]] bool adopt_from_disk(rt::Worker& worker, Page& page);

  /// Starts loading the bytes of `wanted` that are neither in memory nor being loaded, and more as
  /// `ahead` says. Does nothing if the page is not on disk.
  void start(rt::Worker& worker, const PagePtr& page, ByteRange wanted, LoadAhead ahead);

  /// The page was used in memory at `now`: counts as a use for the disk's eviction, too.
  void note_use(Page& page, MonoTime now);

 private:
  [[nodiscard]] rt::Task<void> load(rt::Worker& worker, PagePtr page, PiecePtr piece);
  [[nodiscard]] rt::Task<Result<bool>> read_piece(rt::Worker& worker, const Page& page,
                                                  PiecePtr piece);

  store::DiskTier* const disk_;
  store::MemoryTier& memory_;
  PageTable& table_;
};

}  // namespace cachey::cache
