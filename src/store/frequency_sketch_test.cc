#include "store/frequency_sketch.h"

#include <gtest/gtest.h>

namespace cachey::store {
namespace {

constexpr size_t kSketched = 1000;  // entries of the tier

uint64_t content(uint64_t number) { return spread(number + 1); }

TEST(FrequencySketch, TellsOftenUsedContentFromContentUsedOnce) {
  FrequencySketch sketch;
  for (uint64_t i = 0; i < kSketched; ++i) sketch.add(content(i), i < 100 ? 8 : 2, kSketched);
  size_t mistaken = 0;
  for (uint64_t i = 0; i < kSketched; ++i) {
    const unsigned estimate = sketch.estimate(content(i));
    EXPECT_GE(estimate, i < 100 ? 4 : 1) << i;  // it may be halved meanwhile
    if (i >= 100 && estimate >= 8) ++mistaken;
  }
  EXPECT_LT(mistaken, 10);
  EXPECT_LE(sketch.estimate(content(999'999)), 8);
}

TEST(FrequencySketch, CountsUpToItsLimit) {
  FrequencySketch sketch;
  for (int i = 0; i < 20; ++i) sketch.add(content(1), 3, kSketched);
  EXPECT_EQ(sketch.estimate(content(1)), FrequencySketch::kCountMax);
}

TEST(FrequencySketch, ForgetsWhatIsNotUsedAnyMore) {
  FrequencySketch sketch;
  sketch.add(content(0), 8, kSketched);
  // Another content keeps the sketch busy for some times twenty uses an entry.
  for (size_t i = 0; i < 100 * kSketched; ++i) sketch.add(content(1), 1, kSketched);
  EXPECT_LT(sketch.estimate(content(0)), 2);
}

TEST(FrequencySketch, KnowsItsCountsWhileItGrows) {
  FrequencySketch sketch;
  for (uint64_t i = 0; i < 64; ++i) sketch.add(content(i), 15, kSketched);
  for (size_t entries = 1; entries < 100'000; ++entries) {
    sketch.add(content(1'000'000), 1, entries);
    if (entries < 2'000)
      for (uint64_t i = 0; i < 64; i += 9) ASSERT_GE(sketch.estimate(content(i)), 7) << entries;
  }
}

}  // namespace
}  // namespace cachey::store
