#pragma once

#include <cstdint>

#include "base/byte_range.h"
#include "base/units.h"

namespace cachey::store {

/// The place of a page, or of a part of a page, in its object. A page has a number and a size, a
/// power of two. A part is a run of a page's bytes, of any begin and length, that crosses no border
/// of kPartBytesMax. Parts belong to pages of one size: those of another size are not found.
///
/// A value. The fields are those of the records on disk.
struct PageAt {
  static constexpr unsigned kExponentMin = 16;  ///< pages of 64 KiB
  static constexpr unsigned kExponentMax = 24;  ///< pages of 16 MiB, written as 0
  static constexpr uint64_t kPartBytesMax = 2 * kMiB;
  static constexpr uint64_t kPartBlockBytes = 64 * kKiB;  ///< parts are numbered by such blocks

  [[nodiscard]] static constexpr PageAt page(uint32_t index, unsigned exponent = kExponentMax) {
    return {index, 0, shape_of(exponent)};
  }
  /// The part of a page of 2^exponent bytes that begins at byte `begin` of the object.
  [[nodiscard]] static constexpr PageAt part(uint64_t begin, unsigned exponent = kExponentMax) {
    return {static_cast<uint32_t>(begin / kPartBlockBytes),
            static_cast<uint16_t>(begin % kPartBlockBytes),
            static_cast<uint8_t>(shape_of(exponent) | kPart)};
  }

  [[nodiscard]] constexpr bool is_part() const { return (shape & kPart) != 0; }
  [[nodiscard]] constexpr unsigned exponent() const {
    const unsigned low = shape & ~unsigned{kPart};
    return low == 0 ? kExponentMax : low;
  }
  [[nodiscard]] constexpr uint64_t page_bytes() const { return uint64_t{1} << exponent(); }
  /// The first byte, in the object.
  [[nodiscard]] constexpr uint64_t begin() const {
    return is_part() ? number * kPartBlockBytes + offset : uint64_t{number} << exponent();
  }
  [[nodiscard]] constexpr ByteRange range(uint64_t bytes) const {
    return {begin(), begin() + bytes};
  }
  /// The most bytes that the page or part may have.
  [[nodiscard]] constexpr uint64_t bytes_max() const {
    if (!is_part()) return page_bytes();
    return part_border(exponent()) - begin() % part_border(exponent());
  }
  /// The page that the part is of, or the page itself.
  [[nodiscard]] constexpr PageAt whole() const {
    return page(static_cast<uint32_t>(begin() >> exponent()), exponent());
  }
  /// Parts of a page of this size cross no multiple of it.
  [[nodiscard]] static constexpr uint64_t part_border(unsigned exponent) {
    const uint64_t page = uint64_t{1} << exponent;
    return page < kPartBytesMax ? page : kPartBytesMax;
  }
  /// This page or part, of `bytes` bytes, has all bytes of that part of a page of the same size.
  [[nodiscard]] constexpr bool has(uint64_t bytes, PageAt part, uint64_t part_bytes) const {
    return exponent() == part.exponent() && begin() <= part.begin() &&
           part.begin() + part_bytes <= begin() + bytes;
  }
  /// From hostile bytes: a page or part that can be.
  [[nodiscard]] constexpr bool is_valid() const {
    return exponent() >= kExponentMin && exponent() <= kExponentMax && shape != kExponentMax &&
           shape != (kExponentMax | kPart) && (is_part() || offset == 0) &&
           begin() < kObjectBytesMax;
  }

  /// All of it in one number: that of a page of 16 MiB is its index.
  [[nodiscard]] constexpr uint64_t code() const { return group() | uint64_t{offset} << 40; }
  /// The same for all parts that begin in one block.
  [[nodiscard]] constexpr uint64_t group() const { return number | uint64_t{shape} << 32; }

  friend bool operator==(const PageAt&, const PageAt&) = default;

  uint32_t number = 0;  ///< of the page; of a part: of the block of 64 KiB where the part begins
  uint16_t offset = 0;  ///< of a part: where in that block; else 0
  uint8_t shape = 0;    ///< the exponent of the page's size, 0 for kExponentMax; kPart for a part

 private:
  static constexpr uint8_t kPart = 0x80;
  [[nodiscard]] static constexpr uint8_t shape_of(unsigned exponent) {
    return exponent == kExponentMax ? uint8_t{0} : static_cast<uint8_t>(exponent);
  }
};

}  // namespace cachey::store
