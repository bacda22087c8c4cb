#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_range.h"
#include "base/error.h"

namespace cachey::api {

/// Parses `bytes=first-last`: one range with both ends. The last position is cut at the end of the
/// largest object there can be, however large the number is (RFC 9110 14.1.2). Anything else, and
/// a first position past that end, is kRangeNotSatisfiable; the text names the fault.
[[nodiscard]] Result<ByteRange> parse_range(std::string_view value);

/// As parse_range(), for what nearly all clients send: quick. Nothing: any other value, good or
/// not.
[[nodiscard]] std::optional<ByteRange> parse_usual_range(std::string_view value);

/// The part of an object that a request asks for.
struct AnyRange {
  enum class Form : uint8_t {
    kBothEnds,  ///< `bytes=first-last`
    kOpen,      ///< `bytes=first-`
    kTail,      ///< `bytes=-count`
    kWhole,     ///< no Range
  };

  Form form = Form::kWhole;
  /// kTail: the first `count` bytes, as long as the object's size is not known; may be empty. Else
  /// the range, cut at the end of the largest object there can be.
  ByteRange bytes;

  friend bool operator==(const AnyRange&, const AnyRange&) = default;
};

/// As parse_range(), and takes the forms with one end.
[[nodiscard]] Result<AnyRange> parse_any_range(std::string_view value);

}  // namespace cachey::api
