#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_range.h"
#include "net/http/http.h"

namespace cachey::api::s3 {

/// The part of an object that a request's Range asks for, before the object's size is known. What
/// is not exactly one valid range of bytes (RFC 9110 14.1.1, 14.1.2) is ignored, as S3 does:
/// another unit, several ranges, a blank in a range, a last position before the first one, more
/// than one Range field. Positions may have leading zeros and any number of digits.
struct AskedRange {
  enum class Form : uint8_t {
    kWhole,   ///< no Range, or one that is ignored
    kFromTo,  ///< `bytes=first-last` and `bytes=first-`
    kTail,    ///< `bytes=-count`
  };

  Form form = Form::kWhole;
  uint64_t first = 0;       ///< kFromTo
  uint64_t last = 0;        ///< kFromTo, inclusive; the largest number if the range is open
  uint64_t tail_bytes = 0;  ///< kTail; may be 0

  /// The value of a Range field.
  [[nodiscard]] static AskedRange parse(std::string_view value);
  [[nodiscard]] static AskedRange of(const net::Request& request);

  /// The range to read while the size is not known: cut at the end of the largest object there can
  /// be. A first position past that end becomes the last byte, which no object has; judge() still
  /// refuses it. REQUIRES: kFromTo.
  [[nodiscard]] ByteRange of_unknown_size() const;

  friend bool operator==(const AskedRange&, const AskedRange&) = default;
};

/// What a Range means for an object of a known size.
struct RangeVerdict {
  enum class Answer : uint8_t {
    kWhole,          ///< 200 with all bytes and no Content-Range; `bytes` may be empty
    kPart,           ///< 206; `bytes` is not empty
    kUnsatisfiable,  ///< 416; `bytes` is empty
  };

  Answer answer = Answer::kWhole;
  ByteRange bytes;

  friend bool operator==(const RangeVerdict&, const RangeVerdict&) = default;
};

/// A range is unsatisfiable if it starts at or past the end, or is `-0`. The rest is cut at the
/// object's end. A tail of an empty object is the whole object.
[[nodiscard]] RangeVerdict judge(const AskedRange& asked, uint64_t object_size);

}  // namespace cachey::api::s3
