#pragma once

#include <cstdint>
#include <string_view>

#include "base/byte_range.h"
#include "base/error.h"
#include "base/units.h"
#include "cache/wishes.h"
#include "net/http/http.h"

namespace cachey::api {

/// The most bytes of a range with `C0-Exact: true`.
inline constexpr uint64_t kExactBytesMax = 16 * kMiB;

/// Parses `C0-Exact` (`true` or `false`), `C0-Object-Size` (a whole number) and, of
/// `Cache-Control`, `only-if-cached`; other directives are ignored. Lines may be repeated or joined
/// by commas, if all values are equal. `range`: the range that the request asks for. The text of a
/// kBadRequest names the field and the rule.
[[nodiscard]] Result<cache::Wishes> parse_wishes(const net::Request& request, ByteRange range);

/// The name of a field (in lower case) that has a wish.
[[nodiscard]] inline bool is_wish_field(std::string_view name) {
  return name == "c0-exact" || name == "c0-object-size" || name == "cache-control";
}

}  // namespace cachey::api
