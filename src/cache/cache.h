#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "cache/cache_metrics.h"
#include "cache/disk_reads.h"
#include "cache/disk_writes.h"
#include "cache/fill.h"
#include "cache/heads.h"
#include "cache/hot_pages.h"
#include "cache/inspection.h"
#include "cache/page_sizes.h"
#include "cache/page_table.h"
#include "cache/pins.h"
#include "cache/purges.h"
#include "cache/read_ahead.h"
#include "cache/warm.h"
#include "origin/read/object_read.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// The parts of the cache: page table, fills, disk reads and writes, over a memory tier, a disk
/// tier and an origin. A RangeReader reads through it. Owned by app::Process; all references
/// outlive the cache. Any thread.
class Cache {
 public:
  /// `disk`: null if there is no disk tier. `may_have`: see MayHave. `pins`: null if no page is
  /// kept; outlives the cache.
  Cache(FillConfig config, const origin::ReadContext& origin, store::MemoryTier& memory,
        CacheMetrics& metrics, const Clock& clock, store::DiskTier* disk = nullptr,
        MayHave may_have = any_bucket, PageSizes page_sizes = {},
        const store::PinRules* pins = nullptr)
      : page_sizes_(std::move(page_sizes)),
        may_have_(std::move(may_have)),
        memory_(memory),
        metrics_(metrics),
        clock_(clock),
        heads_(config.heads_bytes_max, memory),
        table_(memory, &heads_, pins),
        disk_reads_(disk, memory, table_, may_have_,
                    {config.disk_bypass, origin, metrics.ingress, clock}),
        disk_writes_(disk, memory, table_, clock),
        fills_(config, origin, memory, table_, disk_writes_, metrics, clock, may_have_),
        read_ahead_(config.read_ahead_pages, table_, fills_, disk_reads_, metrics.read_ahead_pages),
        purges_(table_, heads_, fills_, disk),
        pins_(pins, table_, memory, disk),
        inspection_(table_, disk, memory),
        warms_(WarmParts{table_, fills_, disk_reads_, disk_writes_, memory, metrics, clock}) {}

  [[nodiscard]] store::MemoryTier& memory() { return memory_; }
  [[nodiscard]] CacheMetrics& metrics() { return metrics_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] PageSize page_size_of(std::string_view kind) const { return page_sizes_.of(kind); }
  [[nodiscard]] Heads& heads() { return heads_; }
  [[nodiscard]] PageTable& table() { return table_; }
  [[nodiscard]] DiskReads& disk_reads() { return disk_reads_; }
  [[nodiscard]] DiskBypass& disk_bypass() { return disk_reads_.bypass(); }
  [[nodiscard]] DiskWrites& disk_writes() { return disk_writes_; }
  [[nodiscard]] Fills& fills() { return fills_; }
  [[nodiscard]] ReadAhead& read_ahead() { return read_ahead_; }
  [[nodiscard]] Purges& purges() { return purges_; }
  [[nodiscard]] Pins& pins() { return pins_; }
  [[nodiscard]] Inspection& inspection() { return inspection_; }
  [[nodiscard]] Warms& warms() { return warms_; }
  /// Purges and other walks end soon: the server is shutting down.
  void stop_walks() {
    purges_.stop();
    pins_.stop();
    inspection_.stop();
  }
  /// The object's head. Three places are asked in this order: the heads, the pages in memory, the
  /// pages on the disk. The first place that knows version and attributes decides. No source: none
  /// knows both, or the store does not have the object. `hash`: of the key.
  [[nodiscard]] Head known_head(rt::Worker& worker, const FetchSpec& spec, uint64_t hash);
  /// The calling worker's own. Null for workers past kWorkersWithHotPages.
  [[nodiscard]] HotPages* hot_pages(rt::Worker& worker) {
    if (worker.index() >= hot_pages_.size()) return nullptr;
    std::unique_ptr<HotPages>& own = hot_pages_[worker.index()];
    if (own == nullptr) own = std::make_unique<HotPages>(worker);
    return own.get();
  }

 private:
  const PageSizes page_sizes_;
  const MayHave may_have_;
  store::MemoryTier& memory_;
  CacheMetrics& metrics_;
  const Clock& clock_;
  Heads heads_;
  PageTable table_;
  DiskReads disk_reads_;
  DiskWrites disk_writes_;
  Fills fills_;
  ReadAhead read_ahead_;
  Purges purges_;
  Pins pins_;
  Inspection inspection_;
  Warms warms_;
  static constexpr size_t kWorkersWithHotPages = 256;
  std::array<std::unique_ptr<HotPages>, kWorkersWithHotPages> hot_pages_;  // each its worker's
};

}  // namespace cachey::cache
