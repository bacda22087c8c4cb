#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey::aws {

/// `20260102T030405Z`.
[[nodiscard]] std::string amz_date(int64_t unix_seconds);

/// The inverse of amz_date(), in Unix seconds. Nothing unless `text` has exactly that form.
[[nodiscard]] std::optional<int64_t> parse_amz_date(std::string_view text);

/// Unix seconds of an RFC 3339 time, `2009-02-13T23:31:30Z`. Fractions of a second are dropped.
[[nodiscard]] std::optional<int64_t> parse_timestamp(std::string_view text);

}  // namespace cachey::aws
