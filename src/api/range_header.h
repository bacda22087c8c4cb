#pragma once

#include <string_view>

#include "base/byte_range.h"
#include "base/error.h"

namespace cachey::api {

/// Parses `bytes=first-last`: one range with both ends. The last position is cut at the end of the
/// largest object there can be, however large the number is (RFC 9110 14.1.2). Anything else, and
/// a first position past that end, is kRangeNotSatisfiable; the text names the fault.
[[nodiscard]] Result<ByteRange> parse_range(std::string_view value);

}  // namespace cachey::api
