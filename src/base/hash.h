#pragma once

#include <cstdint>

namespace cachey {

/// 2^64 divided by the golden ratio: multiplying by it spreads consecutive numbers over 64 bits
/// (D. Knuth, The Art of Computer Programming 3, 6.4).
inline constexpr uint64_t kHashMultiplier = 0x9e37'79b9'7f4a'7c15;

/// A hash of a whole number. Not for numbers that an attacker chooses.
[[nodiscard]] constexpr uint64_t spread(uint64_t number) { return number * kHashMultiplier; }

/// The hash of a page, from its object's hash and its number.
[[nodiscard]] constexpr uint64_t page_hash(uint64_t object_hash, uint64_t page) {
  return object_hash ^ spread(page);
}

}  // namespace cachey
