#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::api {

/// A pattern for bucket names: `*` matches any bytes or none, `?` matches one byte, any other byte
/// matches itself. The whole name must match. Immutable.
///
/// The pattern is a nondeterministic automaton with a state before each byte (stars aside) and one
/// at the end: at most 64 states, so a set of states is one word. A match takes a few instructions
/// per byte of the name for any pattern (R. Baeza-Yates, G. Gonnet, CACM 35(10), 1992).
class BucketGlob {
 public:
  /// The longest S3 bucket name has 63 bytes.
  static constexpr size_t kBytesWithoutStarsMax = 63;
  static constexpr size_t kBytesMax = 2 * kBytesWithoutStarsMax;

  /// kBadRequest if the text is empty, too long, not UTF-8, or has control characters.
  [[nodiscard]] static Result<BucketGlob> parse(std::string_view text);

  [[nodiscard]] bool matches(std::string_view bucket) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  BucketGlob() = default;

  std::string text_;
  std::array<uint64_t, 256> advance_{};  // per byte: the states that the byte leads on from
  uint64_t stay_ = 0;                    // states of a star: any byte stays
  uint64_t accept_ = 1;                  // the state after the last byte
};

}  // namespace cachey::api
