#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>

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
  DiskWrites(store::DiskTier* disk, store::MemoryTier& memory, PageTable& table, const Clock& clock)
      : disk_(disk), memory_(memory), table_(table), clock_(clock) {}

  /// Queues a whole, published page to be written; a part in runs that cross no border of
  /// PageAt::part_border(). The queue does not keep the page in memory: eviction spares the page
  /// for a while; if the page is evicted before its turn, it is not written. While the disk reads
  /// its index, nothing is queued: the page is in memory only, until it is evicted, or until
  /// flush().
  void start(rt::Worker& worker, PagePtr page);

  /// Whether the disk takes pages now. Lock-free.
  [[nodiscard]] bool takes_pages() const { return disk_ != nullptr && disk_->takes_pages(); }
  /// Writes a whole page beside the queue, unless the disk has the page or writes it already.
  [[nodiscard]] rt::Task<store::DiskWrite> write(rt::Worker& worker, PagePtr page);

  /// A bucket has answered with `version`: removes the object's pages that do not fit the table's
  /// version of the bucket from the disk; those that do not fit `version`, if the table knows none.
  void observe(rt::Worker& worker, KeyView key, const ObjectSource& version);
  /// The bucket no longer has the version that is known of it: removes the bucket's pages of the
  /// object from the disk; those of all buckets, if the name is empty.
  void drop(rt::Worker& worker, KeyView key, std::string_view bucket);
  /// The disk has bytes of the object, in some version.
  [[nodiscard]] bool has(KeyView key) const;

  /// Waits for the disk's index, writes the pages that are only in memory, and waits until all are
  /// durable. Logs its progress. False: not done by the deadline, or the disk is offline.
  [[nodiscard]] rt::Task<bool> flush(rt::Worker& worker, MonoTime deadline);

 private:
  [[nodiscard]] rt::Task<bool> offer_all(rt::Worker& worker, MonoTime deadline);

  store::DiskTier* const disk_;
  store::MemoryTier& memory_;
  PageTable& table_;
  const Clock& clock_;
};

}  // namespace cachey::cache
