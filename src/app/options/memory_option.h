#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "app/options/machine.h"
#include "base/units.h"

namespace cachey::app {

/// The value of --memory: bytes, or a share of the memory that this process may use.
struct MemoryOption {
  uint64_t bytes = 4 * kGiB;
  double percent = 0;  ///< if not 0, it counts instead of `bytes`
};

/// `512MiB`, `70%`, `62.5 %`: from 1 to 100 %. Nothing: the text is neither.
[[nodiscard]] std::optional<MemoryOption> parse_memory_option(std::string_view text);
[[nodiscard]] std::string to_text(const MemoryOption& memory);

/// Without --memory the cache takes at most this share of the machine's memory.
inline constexpr double kMemoryDefaultPercent = 70;
/// From here on a warning says that little is left for connections, the program and the system.
inline constexpr double kMemoryWarnedPercent = 90;

struct MemoryChoice {
  uint64_t bytes = 0;
  std::string warning = {};  ///< may be empty
};

/// The bytes that `memory` is on `machine`. `given`: a person chose the value; else it is cut to
/// kMemoryDefaultPercent. The error says what the machine has if `memory` is more, less than
/// `least` or a share of nobody knows what.
[[nodiscard]] std::expected<MemoryChoice, std::string> choose_memory(const MemoryOption& memory,
                                                                     bool given, uint64_t least,
                                                                     const Machine& machine);

}  // namespace cachey::app
