#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/names.h"
#include "base/error.h"

namespace cachey::api {

/// A pattern for the names of buckets and for keys: `*` matches any bytes or none, `?` matches one
/// byte, any other byte matches itself. The whole name must match. Immutable.
///
/// The pattern is a nondeterministic automaton with a state before each byte (stars aside) and one
/// at the end. A set of states is a row of bits, so a match takes a few instructions per byte of
/// the name for any pattern (R. Baeza-Yates, G. Gonnet, CACM 35(10), 1992). Takes 8 KiB. The most
/// common patterns, a name or the begin of a name and a star, are compared as text.
class BucketGlob {
 public:
  static constexpr size_t kBytesWithoutStarsMax = kBucketBytesMax;
  static constexpr size_t kBytesMax = 2 * kBytesWithoutStarsMax;

  /// kBadRequest if the text is empty, too long, not UTF-8, or has control characters.
  [[nodiscard]] static Result<BucketGlob> parse(std::string_view text);

  [[nodiscard]] bool matches(std::string_view bucket) const;
  /// True: this matches each name that the pattern `other` matches. A cover may be missed.
  [[nodiscard]] bool covers(std::string_view other) const;
  /// Matches one name only.
  [[nodiscard]] bool is_name() const { return form_ == Form::kName; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  BucketGlob() = default;

  enum class Form : uint8_t { kName, kPrefix, kAny };

  std::string text_;
  Form form_ = Form::kAny;
  using States = std::bitset<kBytesWithoutStarsMax + 1>;

  std::array<States, 256> advance_{};  // per byte: the states that the byte leads on from
  States stay_;                        // states of a star: any byte stays
  States accept_{1};                   // the state after the last byte
};

}  // namespace cachey::api
