#include "cache/fill_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace cachey::cache {
namespace {

TEST(FillPlan, OnePartIsOneRequestOrTwo) {
  EXPECT_EQ((FillPlan{1, 0}.first_range()), (ByteRange{0, kPageBytes}));
  EXPECT_TRUE((FillPlan{1, 0}.rest(kPageBytes).empty()));
  EXPECT_EQ((FillPlan{1, 5 * kMiB}.first_range()), (ByteRange{5 * kMiB, kPageBytes}));
  EXPECT_EQ((FillPlan{1, 5 * kMiB}.rest(kPageBytes)), (std::vector<ByteRange>{{0, 5 * kMiB}}));
}

TEST(FillPlan, TheAwaitedPartIsFirst) {
  const FillPlan plan{4, 9 * kMiB};
  EXPECT_EQ(plan.first_range(), (ByteRange{9 * kMiB, 12 * kMiB}));
  EXPECT_EQ(
      plan.rest(kPageBytes),
      (std::vector<ByteRange>{
          {12 * kMiB, 16 * kMiB}, {0, 4 * kMiB}, {4 * kMiB, 8 * kMiB}, {8 * kMiB, 9 * kMiB}}));
}

TEST(FillPlan, AShortPageHasFewerParts) {
  EXPECT_TRUE((FillPlan{4, 0}.rest(4 * kMiB).empty()));
  EXPECT_EQ((FillPlan{4, 0}.rest(4 * kMiB + 1)),
            (std::vector<ByteRange>{{4 * kMiB, 4 * kMiB + 1}}));
}

TEST(FillPlan, PartsAreNoSmallerThanTheLeast) {
  EXPECT_EQ((FillPlan{1000, 0}.first_range()), (ByteRange{0, FillPlan::kPartBytesMin}));
}

TEST(FillPlan, APageOfALeastPartIsOneRequest) {
  const FillPlan plan{4, 0, kPageBytesMin};
  EXPECT_EQ(plan.first_range(), (ByteRange{0, kPageBytesMin}));
  EXPECT_TRUE(plan.rest(kPageBytesMin).empty());
}

TEST(FillPlan, ASmallPageHasPartsOfItsOwn) {
  const FillPlan plan{2, 5 * kMiB, 8 * kMiB};
  EXPECT_EQ(plan.first_range(), (ByteRange{5 * kMiB, 8 * kMiB}));
  EXPECT_EQ(plan.rest(8 * kMiB), (std::vector<ByteRange>{{0, 4 * kMiB}, {4 * kMiB, 5 * kMiB}}));
}

TEST(FillPlan, EveryByteIsFetchedOnce) {
  for (uint32_t parts = 1; parts <= 16; ++parts) {
    for (const uint64_t first : {uint64_t{0}, kMiB + 1, 7 * kMiB, kPageBytes - 1}) {
      for (const uint64_t bytes : {first + 1, std::max(first + 1, 8 * kMiB), kPageBytes}) {
        const FillPlan plan{parts, first};
        std::vector<ByteRange> all = plan.rest(bytes);
        all.push_back({first, std::min(plan.first_range().end, bytes)});
        std::ranges::sort(all, {}, &ByteRange::begin);
        uint64_t at = 0;
        for (const ByteRange& range : all) {
          EXPECT_EQ(range.begin, at);
          EXPECT_FALSE(range.empty());
          at = range.end;
        }
        EXPECT_EQ(at, bytes);
      }
    }
  }
}

TEST(FillPlan, WhatIsPresentIsLeftOut) {
  const FillPlan plan{1, 0, kPageBytes, {{kMiB, 3 * kMiB}, {5 * kMiB, 6 * kMiB}}};
  EXPECT_EQ(plan.first_range(), (ByteRange{0, kMiB}));
  EXPECT_EQ(plan.rest(kPageBytes),
            (std::vector<ByteRange>{{3 * kMiB, 5 * kMiB}, {6 * kMiB, kPageBytes}}));
}

TEST(FillPlan, IfTheWantedByteIsPresentTheNextMissingOneIsFirst) {
  FillPlan plan{1, 2 * kMiB, kPageBytes, {{kMiB, 3 * kMiB}}};
  EXPECT_EQ(plan.first_range(), (ByteRange{3 * kMiB, kPageBytes}));
  EXPECT_EQ(plan.rest(kPageBytes), (std::vector<ByteRange>{{0, kMiB}}));
  plan.present = {{kMiB, kPageBytes}};
  EXPECT_EQ(plan.first_range(), (ByteRange{0, kMiB}));
  EXPECT_TRUE(plan.rest(kPageBytes).empty());
}

TEST(FillPlan, EachMissingByteIsFetchedOnceAndNoPresentOne) {
  std::mt19937 random(1);
  for (int run = 0; run < 2000; ++run) {
    FillPlan plan{static_cast<uint32_t>(1 + random() % 16), random() % kPageBytes, kPageBytes, {}};
    std::vector<uint64_t> borders(2 * (1 + random() % 6));
    for (uint64_t& border : borders) border = random() % kPageBytes;
    std::ranges::sort(borders);
    for (size_t i = 0; i < borders.size(); i += 2) {
      const bool is_apart = plan.present.empty() || plan.present.back().end < borders[i];
      if (is_apart && borders[i] < borders[i + 1])
        plan.present.push_back({borders[i], borders[i + 1]});
    }
    std::vector<ByteRange> all = plan.rest(kPageBytes);
    all.push_back(plan.first_range());
    all.insert(all.end(), plan.present.begin(), plan.present.end());
    std::ranges::sort(all, {}, &ByteRange::begin);
    uint64_t at = 0;
    for (const ByteRange& range : all) {
      ASSERT_EQ(range.begin, at) << run;
      ASSERT_FALSE(range.empty());
      at = range.end;
    }
    ASSERT_EQ(at, kPageBytes);
  }
}

}  // namespace
}  // namespace cachey::cache
