#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cachey {

/// The source of the first byte of an answer.
enum class Tier : uint8_t {
  kMemory,
  kDisk,
  kMiss,  ///< the answer waited for the store
};
inline constexpr size_t kTiers = static_cast<size_t>(Tier::kMiss) + 1;

/// The value of the label `tier`.
[[nodiscard]] constexpr std::string_view to_string(Tier tier) {
  switch (tier) {
    case Tier::kMemory:
      return "memory";
    case Tier::kDisk:
      return "disk";
    case Tier::kMiss:
      break;
  }
  return "miss";
}

}  // namespace cachey
