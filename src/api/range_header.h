#pragma once

#include <string_view>

#include "base/byte_range.h"
#include "base/error.h"

namespace cachey::api {

/// Parses `bytes=first-last`: one range with both ends. Anything else is kRangeNotSatisfiable; the
/// text names the fault.
[[nodiscard]] Result<ByteRange> parse_range(std::string_view value);

}  // namespace cachey::api
