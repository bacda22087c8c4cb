#pragma once

#include <array>
#include <cstdint>

namespace cachey::store {

/// How the two queues of a tier choose what to keep.
struct KeepRule {
  /// Of the bytes: the small queue.
  unsigned small_percent;
  /// Uses after which an entry moves from the end of the small queue to the main queue.
  unsigned uses;
  /// An entry that comes back soon after it left the small queue enters the main queue. But entries
  /// of more than twice the mean size must be used in the small queue first.
  bool ghosts;
  /// At the end of the small queue, the entry that is worth less leaves: this one, or the next
  /// victim of the main queue. `uses` does not matter.
  bool by_frequency;
  /// While the main queue has room, entries at the end of the small queue enter the main queue.
  bool fills_main;
};

/// The rules that a tier chooses from. The first one is S3-FIFO, and the rule of an empty tier.
inline constexpr std::array<KeepRule, 4> kKeepRules = {{
    {.small_percent = 5, .uses = 1, .ghosts = true, .by_frequency = false, .fills_main = false},
    // Favourites that stay the same, beside scans.
    {.small_percent = 2, .uses = 1, .ghosts = false, .by_frequency = true, .fills_main = true},
    // Loops and epochs: each page comes back, and all are worth the same.
    {.small_percent = 2, .uses = 2, .ghosts = false, .by_frequency = false, .fills_main = true},
    // Favourites that change.
    {.small_percent = 60, .uses = 1, .ghosts = true, .by_frequency = false, .fills_main = false},
}};

}  // namespace cachey::store
