#include "origin/s3/wrong_sums.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::origin {
namespace {

using Found = WrongSums::Found;

constexpr MonoTime kStart{std::chrono::hours(5)};

TEST(WrongSums, OfOneObjectAreTheObjectsAlone) {
  WrongSums sums;
  EXPECT_FALSE(sums.ignores("b", "odd", kStart));
  EXPECT_EQ(sums.add("b", "odd", kStart), Found::kObject);
  EXPECT_EQ(sums.add("b", "odd", kStart), Found::kKnown);
  EXPECT_TRUE(sums.ignores("b", "odd", kStart));
  EXPECT_FALSE(sums.ignores("b", "fine", kStart));
  EXPECT_FALSE(sums.ignores("other", "odd", kStart));
}

TEST(WrongSums, OfSeveralObjectsAreTheBucketsForATime) {
  WrongSums sums;
  for (size_t i = 1; i <= WrongSums::kObjectsMax; ++i) {
    EXPECT_FALSE(sums.ignores("b", "fine", kStart));
    const Found found = sums.add("b", std::to_string(i), kStart);
    EXPECT_EQ(found, i == WrongSums::kObjectsMax ? Found::kBucket : Found::kObject);
  }
  const MonoTime later = kStart + WrongSums::kLookAgainAfter;
  EXPECT_TRUE(sums.ignores("b", "fine", later - std::chrono::seconds(1)));
  EXPECT_FALSE(sums.ignores("b", "fine", later)) << "looked at again";
  EXPECT_FALSE(sums.ignores("b", "1", later));
  EXPECT_EQ(sums.add("b", "1", later), Found::kObject) << "and judged anew";
  EXPECT_FALSE(sums.ignores("b", "fine", later));
}

TEST(WrongSums, BucketsPastTheBoundAreForgotten) {
  WrongSums sums;
  for (size_t i = 0; i <= Learned<bool>::kNames.entries; ++i) {
    (void)sums.add(std::to_string(i), "key", kStart);
  }
  EXPECT_FALSE(sums.ignores("0", "key", kStart));
  EXPECT_TRUE(sums.ignores("1", "key", kStart));
}

}  // namespace
}  // namespace cachey::origin
