#pragma once

#include <atomic>

#include "cache/page_table.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"
#include "store/pin_rules.h"

namespace cachey::cache {

/// Compares the pages that are in the cache with PinRules that have changed. New pages get the
/// newest rules by themselves. Owned by Cache. Any thread, but a worker that is passed in must be
/// the calling thread's own.
class Pins {
 public:
  /// `rules`: null if no page is ever kept. `disk`: null if there is no disk tier.
  Pins(const store::PinRules* rules, PageTable& table, store::MemoryTier& memory,
       store::DiskTier* disk)
      : rules_(rules), table_(table), memory_(memory), disk_(disk) {}

  /// Goes over all pages in memory and on the disk, holding each mutex for a few pages at a time.
  /// If such a walk runs already, it begins again at its end, and this call returns at once.
  [[nodiscard]] rt::Task<void> apply(rt::Worker& worker);

  /// A walk that runs ends soon.
  void stop() { is_over_.store(true); }
  /// Walks that have ended.
  [[nodiscard]] uint64_t walks() const { return walks_.load(); }

 private:
  [[nodiscard]] rt::Task<void> apply_to_memory(rt::Worker& worker);

  const store::PinRules* const rules_;
  PageTable& table_;
  store::MemoryTier& memory_;
  store::DiskTier* const disk_;
  std::atomic<bool> is_over_{false};
  std::atomic<int> asked_{0};  // since the last time that no walk ran
  std::atomic<uint64_t> walks_{0};
};

}  // namespace cachey::cache
