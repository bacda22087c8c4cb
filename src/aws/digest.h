#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

/// Digests of texts. Each thread reuses one context of OpenSSL, and the algorithms are looked up
/// once: OpenSSL's one-shot calls do both each time, which costs more than a short text's digest.
namespace cachey::aws {

using Sha1Digest = std::array<unsigned char, 20>;
using Sha256Digest = std::array<unsigned char, 32>;

[[nodiscard]] Sha256Digest sha256(std::string_view text);
/// HMAC-SHA-256 (RFC 2104).
[[nodiscard]] Sha256Digest hmac(std::span<const unsigned char> key, std::string_view text);
/// HMAC-SHA-1.
[[nodiscard]] Sha1Digest hmac_sha1(std::span<const unsigned char> key, std::string_view text);
/// Lower case.
[[nodiscard]] std::string hex(std::span<const unsigned char> bytes);

}  // namespace cachey::aws
