#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::api {

/// A pattern for names of buckets: `*` stands for any bytes, also none, `?` for one byte, every
/// other byte for itself; the whole name must match. Immutable.
///
/// The pattern is a row of at most kBytesWithoutStarsMax bytes to be matched, with stars between
/// them, and a set of places in that row is one machine word: a match takes a few instructions a
/// byte of the name, whatever the pattern.
class BucketGlob {
 public:
  /// Names of S3 buckets have at most 63 bytes; stars do not count.
  static constexpr size_t kBytesWithoutStarsMax = 63;
  static constexpr size_t kBytesMax = 2 * kBytesWithoutStarsMax;

  /// Fails (kBadRequest) where it is empty, too long, or not UTF-8 without control characters.
  [[nodiscard]] static Result<BucketGlob> parse(std::string_view text);

  [[nodiscard]] bool matches(std::string_view bucket) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  BucketGlob() = default;

  std::string text_;
  std::array<uint64_t, 256> advance_{};  // of each byte: the places that it leads on from
  uint64_t stay_ = 0;                    // the places that any byte stays at
  uint64_t accept_ = 1;                  // the place behind the last step
};

}  // namespace cachey::api
