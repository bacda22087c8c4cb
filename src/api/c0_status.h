#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "api/names.h"
#include "cache/range_reader.h"
#include "net/http/http.h"

namespace cachey::api {

/// A short text without allocation. Text past kBytesMax is cut.
class ShortText {
 public:
  ShortText& add(std::string_view text) {
    size_ += text.copy(buffer_.data() + size_, buffer_.size() - size_);
    return *this;
  }
  ShortText& add(std::integral auto number) {
    char* const end = buffer_.data() + buffer_.size();
    const auto written = std::to_chars(buffer_.data() + size_, end, number);
    size_ = static_cast<size_t>(written.ptr - buffer_.data());
    return *this;
  }
  [[nodiscard]] std::string_view view() const { return {buffer_.data(), size_}; }

 private:
  // Three 64-bit numbers and the separators, beside a bucket.
  static constexpr size_t kBytesMax = kBucketBytesMax + 72;
  std::array<char, kBytesMax> buffer_;
  size_t size_ = 0;
};

/// `bytes FIRST-LAST/SIZE`, of the range that an open reader reads.
[[nodiscard]] ShortText content_range_of(const cache::RangeReader& reader);

/// The C0-Status of the first page of an open reader's range: `FIRST-LAST; BUCKET; CACHED_AT`.
[[nodiscard]] ShortText c0_status_of(const cache::RangeReader& reader);

/// The C0-Status trailers of the pages after the first.
class C0StatusTrailers {
 public:
  /// The most text of all trailers of a response; the pages after that get none.
  static constexpr size_t kBytesMax = 512 * kKiB;

  C0StatusTrailers() = default;  ///< none
  /// REQUIRES: the reader kept the statuses (RangeReader::keep_statuses()).
  explicit C0StatusTrailers(const cache::RangeReader& reader);
  /// They refer to this object.
  [[nodiscard]] std::span<const net::Field> fields() const { return fields_; }

 private:
  std::vector<ShortText> texts_;
  std::vector<net::Field> fields_;
};

}  // namespace cachey::api
