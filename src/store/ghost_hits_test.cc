#include "store/ghost_hits.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <unordered_set>

#include "base/hash.h"

namespace cachey::store {
namespace {

/// A tier that evicts in the order of arrival.
class FifoTier {
 public:
  explicit FifoTier(size_t entries) : entries_(entries) {}

  /// True: a hit.
  bool ask(uint64_t number) {
    if (there_.contains(number)) return true;
    ghosts_.came(hash_of(number));
    there_.insert(number);
    order_.push_back(number);
    if (order_.size() <= entries_) return false;
    ghosts_.evicted(hash_of(order_.front()), kBytes, entries_, entries_ * kBytes);
    there_.erase(order_.front());
    order_.pop_front();
    return false;
  }
  [[nodiscard]] GhostHits::View ghosts() const { return ghosts_.view(); }

  static constexpr uint64_t kBytes = 4096;

 private:
  static uint64_t hash_of(uint64_t number) {
    return std::hash<uint64_t>()(number * 0x9e3779b1) ^ spread(number ^ 77);
  }

  const size_t entries_;
  GhostHits ghosts_;
  std::deque<uint64_t> order_;
  std::unordered_set<uint64_t> there_;
};

TEST(GhostHitsTest, WhatNeverCameIsNoGhost) {
  FifoTier tier(100);
  for (uint64_t number = 0; number < 10'000; ++number) tier.ask(number);
  EXPECT_EQ(tier.ghosts().total(), 0u);
}

TEST(GhostHitsTest, TheClassTellsHowMuchIsMissing) {
  for (const auto& [loop, hit_class] :
       {std::pair(110, 0), std::pair(120, 1), std::pair(140, 2), std::pair(190, 3),
        std::pair(290, 4), std::pair(490, 5), std::pair(890, 6)}) {
    FifoTier tier(100);
    size_t misses = 0;
    for (int i = 0; i < 10 * loop; ++i) misses += tier.ask(static_cast<uint64_t>(i % loop)) ? 0 : 1;
    const GhostHits::View seen = tier.ghosts();
    EXPECT_EQ(seen.hits[static_cast<size_t>(hit_class)], seen.total()) << loop;
    EXPECT_NEAR(static_cast<double>(seen.total()), static_cast<double>(misses) * 0.9, 10) << loop;
    EXPECT_EQ(seen.reach_bytes, 100 * FifoTier::kBytes);
  }
}

TEST(GhostHitsTest, ALoopOfMoreThanNineTimesTheTierHasNoGhosts) {
  FifoTier tier(100);
  for (int i = 0; i < 9500; ++i) tier.ask(static_cast<uint64_t>(i % 950));
  EXPECT_EQ(tier.ghosts().total(), 0u);
}

/// The estimate against a tier that is larger by as much, with more entries than are remembered.
TEST(GhostHitsTest, ASampleEstimatesWhatMoreSpaceSaves) {
  constexpr size_t kEntries = 20'000;
  FifoTier tier(kEntries);
  FifoTier larger(kEntries + kEntries / 4);
  std::mt19937_64 random(7);
  std::geometric_distribution<uint64_t> ask(1.0 / 16'000);
  size_t misses = 0;
  size_t misses_of_larger = 0;
  for (int i = 0; i < 400'000; ++i) {
    const uint64_t number = ask(random);
    misses += tier.ask(number) ? 0 : 1;
    misses_of_larger += larger.ask(number) ? 0 : 1;
  }
  const GhostHits::View seen = tier.ghosts();
  const double saved = static_cast<double>(misses - misses_of_larger) / static_cast<double>(misses);
  const double estimated =
      static_cast<double>(seen.hits[0] + seen.hits[1]) / static_cast<double>(misses);
  EXPECT_GT(saved, 0.1);
  EXPECT_NEAR(estimated, saved, 0.05);
}

}  // namespace
}  // namespace cachey::store
