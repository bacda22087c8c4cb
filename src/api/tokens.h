#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cachey::api {

/// The accepted bearer tokens. Only SHA-256 digests are kept. Immutable.
class Tokens {
 public:
  static constexpr size_t kTokenBytesMin = 16;
  static constexpr size_t kTextBytesMax = size_t{64} * 1024;
  static constexpr size_t kLinesMax = 1000;

  /// Parses one token per line: at least kTokenBytesMin visible ASCII characters. Empty lines,
  /// lines that begin with `#` and blanks around a token are ignored. kBadRequest for any other
  /// line and for a text without tokens: the message has the line's number, never its content.
  [[nodiscard]] static Result<Tokens> parse(std::string_view text);

  /// The number of the token among those of the text, from 1 on; 0: it is none of them. Constant
  /// time: compares all digests, each to the end.
  [[nodiscard]] size_t find(std::string_view token) const;
  [[nodiscard]] bool contain(std::string_view token) const { return find(token) != 0; }
  [[nodiscard]] size_t size() const { return digests_.size(); }

 private:
  using Digest = std::array<uint8_t, 32>;

  [[nodiscard]] static Digest digest_of(std::string_view token);

  std::vector<Digest> digests_;
};

}  // namespace cachey::api
