#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_range.h"

namespace cachey::origin {

/// A `Content-Range` header's value: `bytes 0-9/100`, `bytes 0-9/*` or `bytes */100`.
struct ContentRange {
  /// May be empty: old SeaweedFS answers `bytes 10-9/10`. Null if the size is 0.
  std::optional<ByteRange> range;
  std::optional<uint64_t> size;  ///< of the whole object

  friend bool operator==(const ContentRange&, const ContentRange&) = default;
};

/// Accepts blanks between the parts, and the unit in any case. Nothing if the text has none of the
/// three forms, a number does not fit, or bytes end past the size. Before `/0` anything may
/// stand: stores write `0-0`, `0--1`, or the range that was asked for.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace cachey::origin
