#pragma once

#include <cstdint>

#include "base/byte_range.h"
#include "base/metrics.h"
#include "cache/disk_reads.h"
#include "cache/fill.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "rt/worker.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// Fetches the pages that a client will ask for next which reads an object range by range, page
/// after page. What a request asks for within one answer is RangeReader's to look up ahead; this is
/// for the next requests.
///
/// A page is read through when requests have asked for its bytes without a gap from its begin past
/// its middle (Page::extend_requested). Where that happens to two pages in a row, the `pages` after
/// the second are fetched, as far as the object goes and as there is memory without waiting for it.
/// To the origin's gate they are speculation until somebody waits for them.
///
/// Owned by the cache. Any thread, except that a worker passed in is the calling thread's own.
class ReadAhead {
 public:
  static constexpr uint32_t kPagesMax = 16;

  /// `pages`: how many; 0: none, ever.
  ReadAhead(uint32_t pages, PageTable& table, Fills& fills, DiskReads& disk,
            store::MemoryTier& memory, const Counter& fetched)
      : pages_(pages),
        table_(table),
        fills_(fills),
        disk_(disk),
        memory_(memory),
        fetched_(fetched) {}

  /// A request asks for this part of the page, in offsets of the page.
  void note_request(rt::Worker& worker, Page& page, ByteRange part, const FetchSpecPtr& spec) {
    if (pages_ != 0 && page.extend_requested(part)) fetch_next_pages(worker, page, spec);
  }

 private:
  void fetch_next_pages(rt::Worker& worker, const Page& page, const FetchSpecPtr& spec);
  /// False: there is no memory for it now.
  [[nodiscard]] bool fetch(rt::Worker& worker, uint32_t index, const FetchSpecPtr& spec);

  const uint32_t pages_;
  PageTable& table_;
  Fills& fills_;
  DiskReads& disk_;
  store::MemoryTier& memory_;
  const Counter& fetched_;
};

}  // namespace cachey::cache
