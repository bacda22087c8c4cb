#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace cachey::aws {

using Sha256Digest = std::array<unsigned char, 32>;

[[nodiscard]] Sha256Digest sha256(std::string_view text);
/// HMAC-SHA-256.
[[nodiscard]] Sha256Digest hmac(std::span<const unsigned char> key, std::string_view text);
/// Lower case.
[[nodiscard]] std::string hex(std::span<const unsigned char> bytes);

}  // namespace cachey::aws
