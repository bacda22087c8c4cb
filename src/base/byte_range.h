#pragma once

#include <cstdint>

namespace cachey {

/// Bytes [begin, end) of an object or a page. Half-open; the wire's inclusive `first-last` is
/// converted where it is parsed and where it is written, nowhere else.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  [[nodiscard]] uint64_t size() const { return end - begin; }
  [[nodiscard]] bool empty() const { return end <= begin; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

}  // namespace cachey
