#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey {

/// `%41` -> `A`. Null if a percent sign lacks its two hex digits. `+` stays a plus.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

enum class Slashes : uint8_t { kKeep, kEscape };

/// Appends `text` to `out`. Every byte is escaped in upper-case hex except A-Z a-z 0-9 - _ . ~ and,
/// with kKeep, the slash. AWS Signature Version 4 calls this encoding UriEncode.
void percent_encode(std::string_view text, Slashes slashes, std::string& out);

/// True for well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, at most
/// U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

/// True if the text has a control character: C0, DEL, or C1 in UTF-8.
[[nodiscard]] bool has_control(std::string_view text);

}  // namespace cachey
