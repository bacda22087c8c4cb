#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cachey {

[[nodiscard]] std::string base64_encode(std::span<const std::byte> bytes);

/// Null if the text is not base64 (RFC 4648, with padding, without spaces or line ends).
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace cachey
