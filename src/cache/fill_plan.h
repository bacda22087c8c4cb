#pragma once

#include <cstdint>
#include <vector>

#include "base/byte_range.h"
#include "base/units.h"

namespace cachey::cache {

/// The ranges in which a page, or a part of a page, is fetched, and their order. Pure arithmetic on
/// offsets in the page.
///
/// `parts` is the number of ranges that a whole page is cut into. `first` is the first wanted byte.
/// With one part: [first, end), then [0, first); one request if `first` is 0. With several: from
/// `first` to the end of its part, then the parts up to the page's end, then those from its begin.
/// What is `present` already is left out.
struct FillPlan {
  /// The smallest part size: a request for less is not worth its cost.
  static constexpr uint64_t kPartBytesMin = kMiB;

  uint32_t parts = 1;
  uint64_t first = 0;
  uint64_t bytes_max = kPageBytes;   ///< of the page, if the object does not end in it
  std::vector<ByteRange> present{};  ///< sorted and disjoint; not all of the page

  /// The first request's range, chosen before the page's size is known: from `first`, or from the
  /// next byte that is not present.
  [[nodiscard]] ByteRange first_range() const;
  /// The other ranges of a page of `bytes`, in order. Empty if the first range was all.
  [[nodiscard]] std::vector<ByteRange> rest(uint64_t bytes) const;

 private:
  [[nodiscard]] uint64_t part_bytes() const;
  [[nodiscard]] uint64_t missing_from(uint64_t offset) const;
  [[nodiscard]] uint64_t missing_end(uint64_t offset) const;
  void add_missing(ByteRange range, std::vector<ByteRange>& missing) const;
};

}  // namespace cachey::cache
