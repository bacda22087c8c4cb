#include "store/rule_trials.h"

#include <gtest/gtest.h>

#include <random>

namespace cachey::store {
namespace {

constexpr uint64_t kTriedBytes = 4096;
constexpr size_t kTriedEntries = 500;
constexpr uint64_t kTierBytes = kTriedBytes * kTriedEntries;
constexpr size_t kLoopRule = 2;

struct Trials {
  void request(uint64_t content) {
    trials.request(spread(content + 1), kTriedBytes, kTierBytes, kTriedEntries);
  }
  void loop(uint64_t contents, int times) {
    for (int i = 0; i < times; ++i)
      for (uint64_t content = 0; content < contents; ++content) request(content);
  }
  RuleTrials trials;
};

TEST(RuleTrials, BeginWithTheFirstRuleAndKeepItIfAllHitTheSame) {
  Trials tried;
  EXPECT_EQ(tried.trials.best(), 0);
  for (uint64_t content = 0; content < 20'000; ++content) tried.request(content);
  EXPECT_EQ(tried.trials.best(), 0);
}

TEST(RuleTrials, FindTheRuleForLoops) {
  Trials tried;
  tried.loop(1'000, 10);
  EXPECT_EQ(tried.trials.best(), kLoopRule);
}

TEST(RuleTrials, LeaveTheRuleForLoopsOnceFavouritesChange) {
  Trials tried;
  tried.loop(1'000, 20);
  std::mt19937 random(1);
  // Each phase has 200 favourites of its own, read for a while and never again.
  for (uint64_t phase = 1; phase < 60; ++phase)
    for (int i = 0; i < 1'000; ++i) tried.request(phase * 100'000 + random() % 200);
  EXPECT_NE(tried.trials.best(), kLoopRule);
}

TEST(RuleTrials, SampleByHash) {
  Trials tried;
  for (unsigned bits = 0; bits < 4; ++bits) {
    size_t sampled = 0;
    for (uint64_t content = 0; content < 10'000; ++content)
      sampled += tried.trials.is_sampled(spread(content)) ? 1 : 0;
    EXPECT_NEAR(static_cast<double>(sampled), 10'000 >> bits, 400) << bits;
    tried.trials.sample_less();
  }
}

}  // namespace
}  // namespace cachey::store
