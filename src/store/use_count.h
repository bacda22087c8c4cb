#pragma once

#include <cstdint>

namespace cachey::store {

/// The uses of an entry, in a byte: how many there were since the policy looked, up to kMax, and
/// whether there was one since the last poll.
struct UseCount {
  static constexpr uint8_t kMax = 3;
  static constexpr uint8_t kFresh = 0x80;

  [[nodiscard]] static constexpr uint8_t count(uint8_t uses) { return uses & kMax; }
  /// The byte after a use. Most bytes of entries that are used all the time stay the same.
  [[nodiscard]] static constexpr uint8_t used(uint8_t uses) {
    const uint8_t before = count(uses);
    return kFresh | (before < kMax ? before + 1 : kMax);
  }
  [[nodiscard]] static constexpr uint8_t with_count(uint8_t uses, uint8_t count) {
    return static_cast<uint8_t>((uses & kFresh) | count);
  }
};

}  // namespace cachey::store
