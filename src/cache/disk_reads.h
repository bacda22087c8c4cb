#pragma once

#include "base/byte_range.h"
#include "base/clock.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// Brings pages in from the disk, by the piece, as they are read. A load is a task of the worker
/// that it was started on; it outlives the request that asked for it. A page that the disk fails
/// to give is lost: it leaves the table, and who wants it gets another one, from the origin. Owned
/// by the cache. Any thread, except that a worker passed in is the calling thread's own.
class DiskReads {
 public:
  /// `disk`: null where there is none.
  DiskReads(store::DiskTier* disk, store::MemoryTier& memory, PageTable& table)
      : disk_(disk), memory_(memory), table_(table) {}

  /// Whether the disk has this page, which find_or_create made, in the object's current version: it
  /// is on disk then, and needs no fill.
  [[nodiscard]] bool adopt_from_disk(rt::Worker& worker, Page& page);

  /// Starts loading what of `wanted` is neither in memory nor on its way; and more, as `ahead`
  /// says. Nothing, where the page is not on disk.
  void start(rt::Worker& worker, const PagePtr& page, ByteRange wanted, LoadAhead ahead);

  /// The page was used in memory, now: the disk shall keep it, too.
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
