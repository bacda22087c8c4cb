#pragma once

#include <cstdint>

namespace cachey {

/// Bytes [begin, end) of an object or a page: half-open. Only parsers and writers of HTTP fields
/// convert to and from the wire's inclusive `first-last`.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  [[nodiscard]] uint64_t size() const { return end - begin; }
  [[nodiscard]] bool empty() const { return end <= begin; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

}  // namespace cachey
