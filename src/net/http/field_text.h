#pragma once

#include <string_view>

namespace cachey::net {

/// True if a value of a response's field has no control characters. A tab is allowed.
[[nodiscard]] bool is_clean(std::string_view text);

/// True if the comma-separated list of a request's field has this member (RFC 9110 5.6.1), in any
/// case. `member`: in lower case.
[[nodiscard]] bool list_has(std::string_view list, std::string_view member);

/// Copies a value to `to` with control characters replaced by `?`, so no value can end its line and
/// inject another field. Writes text.size() bytes and returns their end.
[[nodiscard]] char* copy_clean(std::string_view text, char* to);

}  // namespace cachey::net
