#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>

#include "base/byte_range.h"
#include "base/units.h"

namespace cachey {

/// The size of an object's pages: a power of two from kPageBytesMin to kPageBytes. Page n is the
/// bytes [n * size, (n + 1) * size) of the object; the last page ends at the object's end. Does all
/// arithmetic between positions in an object and pages, by shifts.
class PageSize {
 public:
  /// The largest and usual size.
  constexpr PageSize() = default;
  /// Nothing if no page may have this size.
  [[nodiscard]] static constexpr std::optional<PageSize> of(uint64_t bytes) {
    if (bytes < kPageBytesMin || bytes > kPageBytes || !std::has_single_bit(bytes)) {
      return std::nullopt;
    }
    return PageSize(static_cast<uint8_t>(std::countr_zero(bytes)));
  }

  [[nodiscard]] constexpr uint64_t bytes() const { return uint64_t{1} << exponent_; }
  /// The size is two to this power: 16 to 24.
  [[nodiscard]] constexpr unsigned exponent() const { return exponent_; }

  /// The page with the byte at `position`. REQUIRES: position < kObjectBytesMax.
  [[nodiscard]] constexpr uint32_t index_of(uint64_t position) const {
    return static_cast<uint32_t>(position >> exponent_);
  }
  /// The place of this byte in its page.
  [[nodiscard]] constexpr uint64_t offset_of(uint64_t position) const {
    return position & (bytes() - 1);
  }
  [[nodiscard]] constexpr uint64_t begin_of(uint32_t index) const {
    return uint64_t{index} << exponent_;
  }
  /// The page's range in an object that has the whole page.
  [[nodiscard]] constexpr ByteRange range_of(uint32_t index) const {
    return {begin_of(index), begin_of(index) + bytes()};
  }
  /// The bytes of the page in an object of this size; 0: the object ends before the page.
  [[nodiscard]] constexpr uint64_t bytes_of(uint32_t index, uint64_t object_size) const {
    return std::min(bytes(), object_size - std::min(object_size, begin_of(index)));
  }
  /// The number of pages that a range touches; 0 if the range is empty.
  [[nodiscard]] constexpr uint64_t pages_of(ByteRange range) const {
    return range.empty() ? 0 : ((range.end - 1) >> exponent_) - (range.begin >> exponent_) + 1;
  }

  friend bool operator==(const PageSize&, const PageSize&) = default;

 private:
  explicit constexpr PageSize(uint8_t exponent) : exponent_(exponent) {}

  uint8_t exponent_ = std::countr_zero(kPageBytes);
};

}  // namespace cachey
