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

/// Gives whole pages to the disk, off the path of requests. Owned by the cache. Any thread, except
/// that a worker passed in is the calling thread's own.
class DiskWrites {
 public:
  /// `disk`: null where there is none.
  DiskWrites(store::DiskTier* disk, PageTable& table, const Clock& clock)
      : disk_(disk), table_(table), clock_(clock) {}

  /// The page has become whole and is published. Until it is written its memory stays, and the
  /// fill's share of the budget with it, so that fills wait for a slow disk. While the disk's index
  /// is read nothing is written: the page stays in memory for as long as it may, or until flush.
  void start(rt::Worker& worker, PagePtr page, store::MemoryTier::Admission admission);

  /// The origin told of a version: what the disk has of others than the table's current one leaves.
  void observe(rt::Worker& worker, KeyView key);
  /// The object has changed, nobody knows to what.
  void drop(rt::Worker& worker, KeyView key);

  /// Waits for the disk's index, writes what is only in memory, and waits until all is durable.
  /// Logs how far it is. False: not by the deadline, or the disk is out of use.
  [[nodiscard]] rt::Task<bool> flush(rt::Worker& worker, MonoTime deadline);

 private:
  [[nodiscard]] rt::Task<void> write(rt::Worker& worker, PagePtr page, store::DiskTier::Keep keep);

  store::DiskTier* const disk_;
  PageTable& table_;
  const Clock& clock_;
};

}  // namespace cachey::cache
