#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "api/names.h"
#include "cache/range_reader.h"
#include "net/http/http.h"

namespace cachey::api {

/// A text without allocation. Text past kBytesMax is cut.
template <size_t kBytesMax>
class BoundedText {
 public:
  BoundedText& add(std::string_view text) {
    size_ += text.copy(buffer_.data() + size_, buffer_.size() - size_);
    return *this;
  }
  template <size_t kSize>
  BoundedText& add(const char (&literal)[kSize]) {
    constexpr size_t kChars = kSize - 1;
    if (kBytesMax - size_ < kChars) return add(std::string_view(literal));
    std::memcpy(buffer_.data() + size_, literal, kChars);
    size_ += kChars;
    return *this;
  }
  BoundedText& add(std::integral auto number) {
    char* const end = buffer_.data() + buffer_.size();
    const auto written = std::to_chars(buffer_.data() + size_, end, number);
    size_ = static_cast<size_t>(written.ptr - buffer_.data());
    return *this;
  }
  [[nodiscard]] std::string_view view() const { return {buffer_.data(), size_}; }

 private:
  std::array<char, kBytesMax> buffer_;
  size_t size_ = 0;
};

/// Three 64-bit numbers and the separators, beside a bucket.
using ShortText = BoundedText<kBucketBytesMax + 72>;

/// Adds `bytes FIRST-LAST/SIZE`, of a range of an object. Returns its `FIRST-LAST`.
template <size_t kBytesMax>
std::string_view add_content_range(BoundedText<kBytesMax>& to, ByteRange range,
                                   uint64_t object_size) {
  to.add("bytes ");
  const size_t begin = to.view().size();
  to.add(range.begin).add("-").add(range.end - 1);
  const std::string_view ends = to.view().substr(begin);
  to.add("/").add(object_size);
  return ends;
}

/// Adds a C0-Status: `FIRST-LAST; BUCKET; CACHED_AT`.
template <size_t kBytesMax>
void add_c0_status(BoundedText<kBytesMax>& to, ByteRange part, std::string_view bucket,
                   int64_t cached_at) {
  to.add(part.begin).add("-").add(part.end - 1);
  to.add("; ").add(bucket).add("; ").add(cached_at);
}

/// Adds the C0-Status of the first page of an open reader's range. `ends`: of the whole range, as
/// add_content_range() has written them; empty: nobody has.
template <size_t kBytesMax>
void add_c0_status(BoundedText<kBytesMax>& to, const cache::RangeReader& reader,
                   std::string_view ends) {
  const uint32_t first = reader.spec()->page_size.index_of(reader.range().begin);
  const ByteRange part = reader.part_of(first);
  const std::string_view bucket = reader.source().bucket;
  if (ends.empty() || part != reader.range()) {
    return add_c0_status(to, part, bucket, reader.first_cached_at());
  }
  to.add(ends).add("; ").add(bucket).add("; ").add(reader.first_cached_at());
}

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
