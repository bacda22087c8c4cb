#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cachey::api {

/// The bearer tokens that are accepted. Keeps their SHA-256 only. Immutable.
class Tokens {
 public:
  static constexpr size_t kTokenBytesMin = 16;
  static constexpr size_t kTextBytesMax = size_t{64} * 1024;
  static constexpr size_t kLinesMax = 1000;

  /// One token a line: at least kTokenBytesMin visible ASCII characters. Empty lines and those that
  /// begin with `#` are passed over, blanks around a token dropped. Fails (kBadRequest) on anything
  /// else, and where there is no token; the text names the line and nothing of what it holds.
  [[nodiscard]] static Result<Tokens> parse(std::string_view text);

  /// Takes as long for a near miss as for a hit: all digests are compared, each to its end.
  [[nodiscard]] bool contain(std::string_view token) const;
  [[nodiscard]] size_t size() const { return digests_.size(); }

 private:
  using Digest = std::array<uint8_t, 32>;

  [[nodiscard]] static Digest digest_of(std::string_view token);

  std::vector<Digest> digests_;
};

}  // namespace cachey::api
