#pragma once

#include <array>
#include <atomic>
#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>

namespace cachey::store {

/// How often an entry comes back that was evicted lately, by how much larger the tier should have
/// been to keep the entry: the bytes that were evicted since. So the share of such entries among
/// all that come tells what more space would save.
///
/// An estimate. It takes the tier for one queue in the order of eviction; S3-FIFO keeps often used
/// entries longer. Of many entries a sample is remembered, by hash, and each hit counts for as
/// many: kTrackedMax hashes, with a standard error of about 1/sqrt(hits of the sample). Takes at
/// most 0.8 MiB, beside the budget.
///
/// One caller at a time, but view() is for any thread.
class GhostHits {
 public:
  /// Entries that would be there if the tier were larger by 1/8, 1/4, 1/2 of its bytes, or by as
  /// much, 2, 4, 8 times as much as it has. A hit counts in the first class that it fits. The last
  /// classes distinguish a tier that is much too small from data that nobody reads twice.
  static constexpr std::array<uint64_t, 7> kEighthsOfTier = {1, 2, 4, 8, 16, 32, 64};
  static constexpr size_t kTrackedMax = 16'384;

  struct View {
    std::array<uint64_t, kEighthsOfTier.size()> hits{};  ///< since the start, by class
    uint64_t reach_bytes = 0;                            ///< of a tier twice as large
    [[nodiscard]] uint64_t total() const {
      uint64_t sum = 0;
      for (const uint64_t count : hits) sum += count;
      return sum;
    }
  };
  [[nodiscard]] View view() const {
    View seen;
    for (size_t i = 0; i < hits_.size(); ++i)
      seen.hits[i] = hits_[i].load(std::memory_order_relaxed);
    seen.reach_bytes = reach_.load(std::memory_order_relaxed);
    return seen;
  }

  /// An entry left a tier that has `entries` of `tier_bytes` bytes, for others.
  void evicted(uint64_t hash, uint64_t bytes, size_t entries, uint64_t tier_bytes);
  /// An entry came, because somebody asked for it.
  void came(uint64_t hash);

 private:
  struct Gone {
    uint64_t hash;
    uint64_t at;  // evicted_ then
  };
  static constexpr size_t kForgottenAtOnce = 4;
  using Blocks = boost::container::deque_options<boost::container::block_bytes<64UL * 1024>>::type;

  [[nodiscard]] bool is_sampled(uint64_t hash) const;
  void forget_old(uint64_t tier_bytes);

  std::array<std::atomic<uint64_t>, kEighthsOfTier.size()> hits_{};
  std::atomic<uint64_t> reach_{0};
  uint64_t evicted_ = 0;                                // bytes, since the start
  unsigned sample_bits_ = 0;                            // one hash in 2^sample_bits_ is remembered
  boost::unordered_flat_map<uint64_t, uint64_t> gone_;  // hash -> evicted_ then
  boost::container::deque<Gone, void, Blocks> order_;   // with hashes that have come meanwhile
};

}  // namespace cachey::store
