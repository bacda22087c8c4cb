#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>

#include "base/byte_range.h"

namespace cachey::cache {

/// The bytes of a page that have come in, as sorted disjoint ranges: about one per GET in flight.
class ByteSet {
 public:
  /// Adds `range` and merges the ranges that it touches. REQUIRES: `range` is not empty.
  void add(ByteRange range);

  /// The end of the gap-free run of bytes that starts at `offset`; `offset` if that byte is
  /// missing.
  [[nodiscard]] uint64_t run_end(uint64_t offset) const;

  [[nodiscard]] size_t ranges() const { return ranges_.size(); }

 private:
  boost::container::small_vector<ByteRange, 2> ranges_;
};

}  // namespace cachey::cache
