#include "origin/read/read_times.h"

#include <gtest/gtest.h>

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class ReadTimesTest : public ::testing::Test {
 protected:
  static constexpr size_t kMedian = 0;
  static constexpr size_t kTail = 1;

  std::optional<ReadTimes::Exceeded> add(uint64_t bytes, std::chrono::nanoseconds took) {
    return times_.add(bytes, took, clock_.mono());
  }

  ManualClock clock_;
  ReadTimes times_;
};

TEST_F(ReadTimesTest, SizesAreToldApart) {
  EXPECT_FALSE(times_.quantile_seconds(0, kMedian));
  EXPECT_EQ(times_.largest_bytes(), 0u);
  (void)add(1, 1ms);
  (void)add(4 * kKiB, 1ms);
  (void)add(4 * kKiB + 1, 10ms);
  (void)add(kMiB + 1, 100ms);
  (void)add(kPageBytes, 100ms);
  EXPECT_NEAR(*times_.quantile_seconds(0, kTail), 0.001, 0.0002);
  EXPECT_NEAR(*times_.quantile_seconds(1, kTail), 0.01, 0.002);
  EXPECT_FALSE(times_.quantile_seconds(2, kTail));
  EXPECT_NEAR(*times_.quantile_seconds(3, kTail), 0.1, 0.02);
  EXPECT_EQ(times_.largest_bytes(), kPageBytes);
}

TEST_F(ReadTimesTest, MoreThanAPageCountsAsAPage) {
  (void)add(2 * kPageBytes, 100ms);
  EXPECT_TRUE(times_.quantile_seconds(3, kMedian));
}

TEST_F(ReadTimesTest, ReadsAreComparedWithThoseBeforeOfTheirSize) {
  for (uint64_t i = 0; i < ReadTimes::kReadsMin; ++i) EXPECT_FALSE(add(100, i < 8 ? 1ms : 50ms));
  EXPECT_EQ(add(100, 0ms), (ReadTimes::Exceeded{false, false}));
  EXPECT_EQ(add(100, 10ms), (ReadTimes::Exceeded{true, false}));
  EXPECT_EQ(add(100, 100ms), (ReadTimes::Exceeded{true, true}));
  EXPECT_FALSE(add(kMiB, 100ms)) << "the first of its size";
}

TEST_F(ReadTimesTest, OldReadsAreForgotten) {
  for (int i = 0; i < 100; ++i) (void)add(100, 1s);
  clock_.advance(1h);
  (void)add(100, 1ms);
  EXPECT_LT(*times_.quantile_seconds(0, kTail), 0.01);
}

}  // namespace
}  // namespace cachey::origin
