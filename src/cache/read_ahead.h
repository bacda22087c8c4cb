#pragma once

#include <cstdint>

#include "base/byte_range.h"
#include "base/metrics.h"
#include "cache/disk_reads.h"
#include "cache/fill.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "rt/worker.h"

namespace cachey::cache {

/// Fetches the next pages of an object for a client that reads the object in many requests, range
/// by range. (RangeReader looks ahead within one request.)
///
/// A page is read through once requests have asked for a gap-free prefix past its middle
/// (Page::extend_requested). After two such pages in a row the next `pages` pages are fetched, up
/// to the object's end, as long as memory is free without waiting. At the origin's gate they are
/// speculation until a reader waits for them.
///
/// Owned by the cache. Any thread, but a worker that is passed in must be the calling thread's own.
class ReadAhead {
 public:
  static constexpr uint32_t kPagesMax = 16;

  /// `pages`: the number of pages fetched ahead; 0: no read-ahead.
  ReadAhead(uint32_t pages, PageTable& table, Fills& fills, DiskReads& disk, const Counter& fetched)
      : pages_(pages), table_(table), fills_(fills), disk_(disk), fetched_(fetched) {}

  /// A request asks for `part`, in offsets of the page.
  void note_request(rt::Worker& worker, Page& page, ByteRange part, const FetchSpecPtr& spec) {
    if (pages_ != 0 && page.extend_requested(part)) fetch_next_pages(worker, page, spec);
  }

 private:
  void fetch_next_pages(rt::Worker& worker, const Page& page, const FetchSpecPtr& spec);
  /// False: no memory is free now.
  [[nodiscard]] bool fetch(rt::Worker& worker, uint32_t index, const FetchSpecPtr& spec);

  const uint32_t pages_;
  PageTable& table_;
  Fills& fills_;
  DiskReads& disk_;
  const Counter& fetched_;
};

}  // namespace cachey::cache
