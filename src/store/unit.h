#pragma once

#include <cstdint>

#include "base/units.h"

namespace cachey::store {

/// The unit of space in memory and on disk: extents of both are whole units, aligned to their
/// size or to a unit. O_DIRECT asks as much of memory, offsets and sizes.
inline constexpr uint64_t kUnitBytes = 4 * kKiB;

/// Units that hold `bytes`.
[[nodiscard]] constexpr uint32_t units_for(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + kUnitBytes - 1) / kUnitBytes);
}

}  // namespace cachey::store
