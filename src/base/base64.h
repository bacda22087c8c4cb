#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cachey {

[[nodiscard]] std::string base64_encode(std::span<const std::byte> bytes);

/// Nothing where the text is no base64 (RFC 4648, padded, nothing around it).
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace cachey
