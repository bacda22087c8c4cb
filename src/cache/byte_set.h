#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>

#include "base/byte_range.h"

namespace cachey::cache {

/// Which bytes of a page have come in: disjoint ranges in order, few of them (one a GET in flight).
class ByteSet {
 public:
  /// Adds `range`, joined with what it touches. REQUIRES: not empty.
  void add(ByteRange range);

  /// Where the unbroken run of bytes from `offset` on ends; `offset` itself where that byte is
  /// missing.
  [[nodiscard]] uint64_t run_end(uint64_t offset) const;

  [[nodiscard]] size_t ranges() const { return ranges_.size(); }

 private:
  boost::container::small_vector<ByteRange, 2> ranges_;
};

}  // namespace cachey::cache
