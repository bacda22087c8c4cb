#include "store/disk/bucket_lists.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace cachey::store {
namespace {

TEST(BucketLists, FindTheNearestValue) {
  constexpr uint32_t kItems = 50;
  constexpr uint32_t kValueMax = 200;
  BucketLists lists(kItems, kValueMax);
  std::vector<uint32_t> values(kItems);
  std::mt19937 random(1);
  for (int round = 0; round < 5'000; ++round) {
    const uint32_t item = random() % kItems;
    values[item] = random() % 4 == 0 ? 1 + random() % kValueMax : 0;
    lists.set(item, values[item]);
    ASSERT_EQ(lists.value(item), values[item]);
    const uint32_t asked = 1 + random() % kValueMax;
    uint32_t above = 0;
    uint32_t below = 0;
    for (const uint32_t value : values) {
      if (value >= asked && (above == 0 || value < above)) above = value;
      if (value <= asked && value > below) below = value;
    }
    const auto at_least = lists.at_least(asked);
    const auto at_most = lists.at_most(asked);
    ASSERT_EQ(at_least ? values[*at_least] : 0, above);
    ASSERT_EQ(at_most ? values[*at_most] : 0, below);
  }
}

TEST(BucketLists, TheLastListedIsTheFirst) {
  BucketLists lists(3, 64);
  for (const uint32_t item : {0u, 2u, 1u}) lists.set(item, 64);
  EXPECT_EQ(lists.at_least(1), 1u);
  lists.set(1, 0);
  EXPECT_EQ(lists.at_most(64), 2u);
  lists.set(2, 0);
  EXPECT_EQ(lists.at_least(64), 0u);
  lists.set(0, 0);
  EXPECT_EQ(lists.at_least(1), std::nullopt);
}

}  // namespace
}  // namespace cachey::store
