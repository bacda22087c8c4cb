#pragma once

#include <atomic>
#include <cstddef>

#include "base/clock.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"

namespace cachey::cache {

/// Offers whole pages to the disk, which writes them beside the requests. No request and no fill
/// waits for the disk. Owned by the cache. Any thread, but a worker that is passed in must be the
/// calling thread's own.
class DiskWrites {
 public:
  /// `disk`: null if there is no disk tier.
  DiskWrites(store::DiskTier* disk, PageTable& table, const Clock& clock)
      : disk_(disk), table_(table), clock_(clock) {}

  /// Queues a whole, published page to be written. The queue does not keep the page in memory: if
  /// the page is evicted before its turn, it is not written. While the disk reads its index,
  /// nothing is queued: the page is in memory only, until it is evicted, or until flush().
  void start(rt::Worker& worker, PagePtr page);

  /// The origin has answered with a version: removes the object's pages of other versions than the
  /// table's current one from the disk.
  void observe(rt::Worker& worker, KeyView key);
  /// The object has changed to an unknown version: removes its pages from the disk.
  void drop(rt::Worker& worker, KeyView key);

  /// Waits for the disk's index, writes the pages that are only in memory, and waits until all are
  /// durable. Logs its progress. False: not done by the deadline, or the disk is offline.
  [[nodiscard]] rt::Task<bool> flush(rt::Worker& worker, MonoTime deadline);

 private:
  [[nodiscard]] rt::Task<bool> offer_all(rt::Worker& worker, MonoTime deadline);

  store::DiskTier* const disk_;
  PageTable& table_;
  const Clock& clock_;
};

}  // namespace cachey::cache
