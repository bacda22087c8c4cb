#include "app/options/memory_option.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/size_text.h"

namespace cachey::app {
namespace {

constexpr double kPercentMin = 1;

/// For people: `23.4GiB`, `512MiB`.
std::string about(uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (bytes < 10 * kGiB) return fmt::format("{:.0f}MiB", size / static_cast<double>(kMiB));
  return fmt::format("{:.1f}GiB", size / static_cast<double>(kGiB));
}

uint64_t share_of(uint64_t bytes, double percent) {
  if (percent >= 100) return bytes;
  return static_cast<uint64_t>(static_cast<double>(bytes) / 100 * percent) / kMiB * kMiB;
}

}  // namespace

std::optional<MemoryOption> parse_memory_option(std::string_view text) {
  MemoryOption memory;
  if (!text.ends_with('%')) {
    const std::optional<uint64_t> bytes = parse_size(text);
    if (!bytes) return std::nullopt;
    memory.bytes = *bytes;
    return memory;
  }
  text.remove_suffix(1);
  if (text.ends_with(' ')) text.remove_suffix(1);
  const char* const end = text.data() + text.size();
  const auto [stop, error] =
      std::from_chars(text.data(), end, memory.percent, std::chars_format::fixed);
  const bool number = error == std::errc{} && stop == end && std::isfinite(memory.percent);
  if (!number || memory.percent < kPercentMin || memory.percent > 100) return std::nullopt;
  return memory;
}

std::string to_text(const MemoryOption& memory) {
  return memory.percent > 0 ? fmt::format("{}%", memory.percent) : format_size(memory.bytes);
}

std::expected<MemoryChoice, std::string> choose_memory(const MemoryOption& memory, bool given,
                                                       uint64_t least, const Machine& machine) {
  const bool known = machine.memory != UINT64_MAX;
  if (memory.percent > 0 && !known) {
    return std::unexpected(std::string("is a share, but nothing says how much memory there is"));
  }
  MemoryChoice choice;
  choice.bytes = memory.percent > 0 ? share_of(machine.memory, memory.percent) : memory.bytes;
  if (!known) return choice;
  if (!given)
    choice.bytes = std::min(choice.bytes, share_of(machine.memory, kMemoryDefaultPercent));
  const std::string limit = fmt::format("{} ({})", about(machine.memory), machine.memory_limit);
  if (choice.bytes > machine.memory) {
    return std::unexpected(
        fmt::format("{} is more memory than there is: {}; --memory 70% takes a "
                    "share of it",
                    format_size(choice.bytes), limit));
  }
  if (choice.bytes < least) {
    return std::unexpected(fmt::format("{} of {} is too little; at least {}", about(choice.bytes),
                                       limit, format_size(least)));
  }
  const double part = static_cast<double>(choice.bytes) / static_cast<double>(machine.memory);
  if (part * 100 > kMemoryWarnedPercent) {
    choice.warning = fmt::format(
        "--memory takes {:.0f} % of {}: little is left for connections and the rest of the system",
        part * 100, limit);
  }
  return choice;
}

}  // namespace cachey::app
