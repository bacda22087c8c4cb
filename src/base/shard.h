#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/cache_line.h"

namespace cachey {

/// The parts of a count that many threads add to. Each part is on cache lines of its own; a thread
/// adds to its own part, and a reader sums all parts. More threads than parts share parts.
inline constexpr size_t kShards = 16;

/// The calling thread's part, 0 to kShards - 1. Threads get parts in the order of their first call.
[[nodiscard]] inline size_t this_shard() {
  constexpr size_t kUnknown = kShards;
  static constinit std::atomic<size_t> threads{0};
  static constinit thread_local size_t shard = kUnknown;
  if (shard == kUnknown) shard = threads.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

/// A count in kShards parts. Any thread.
class ShardedCount {
 public:
  void add(uint64_t by = 1) { parts_[this_shard()].count.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t total() const {
    uint64_t sum = 0;
    for (const Part& part : parts_) sum += part.count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  struct alignas(kCacheLineBytes) Part {
    std::atomic<uint64_t> count{0};
  };
  std::array<Part, kShards> parts_;
};

}  // namespace cachey
