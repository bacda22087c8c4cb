#pragma once

#include <atomic>
#include <cstddef>

#include "base/clock.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// Writes whole pages to the disk, in tasks beside the requests. Owned by the cache. Any thread,
/// but a worker that is passed in must be the calling thread's own.
class DiskWrites {
 public:
  /// `disk`: null if there is no disk tier.
  DiskWrites(store::DiskTier* disk, PageTable& table, const Clock& clock)
      : disk_(disk), table_(table), clock_(clock) {}

  /// Starts writing a whole, published page. Until the write ends, the page's memory and the fill's
  /// admission are kept, so that fills wait for a slow disk. While the disk reads its index,
  /// nothing is written: the page stays in memory until it is evicted, or until flush().
  void start(rt::Worker& worker, PagePtr page, store::Admission admission);

  /// The origin has answered with a version: removes the object's pages of other versions than the
  /// table's current one from the disk.
  void observe(rt::Worker& worker, KeyView key);
  /// The object has changed to an unknown version: removes its pages from the disk.
  void drop(rt::Worker& worker, KeyView key);

  /// Waits for the disk's index, writes the pages that are only in memory, and waits until all are
  /// durable. Logs its progress. False: not done by the deadline, or the disk is offline.
  [[nodiscard]] rt::Task<bool> flush(rt::Worker& worker, MonoTime deadline);

 private:
  [[nodiscard]] rt::Task<void> write(rt::Worker& worker, PagePtr page, store::DiskTier::Keep keep);

  store::DiskTier* const disk_;
  PageTable& table_;
  const Clock& clock_;
};

}  // namespace cachey::cache
