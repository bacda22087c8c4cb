#pragma once

#include <cstdint>

#include "base/units.h"

namespace cachey::store {

/// The unit of space in memory and on disk. Extents are whole units, and aligned to a unit at
/// least, because O_DIRECT demands aligned memory, offsets and sizes.
inline constexpr uint64_t kUnitBytes = 4 * kKiB;

/// The number of units that hold `bytes` bytes.
[[nodiscard]] constexpr uint32_t units_for(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + kUnitBytes - 1) / kUnitBytes);
}

}  // namespace cachey::store
