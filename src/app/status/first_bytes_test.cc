#include "app/status/first_bytes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

class FirstBytesTest : public ::testing::Test {
 protected:
  Row second() {
    Row row;
    FirstByteTotals totals;
    for (size_t tier = 0; tier < kFirstByteTiers; ++tier)
      totals[tier] = stores_[tier].handle().snapshot();
    times_.add(totals, row);
    return row;
  }
  void count(size_t tier, std::chrono::nanoseconds time, int times = 1) {
    for (int i = 0; i < times; ++i) stores_[tier].handle().observe(time);
  }

  const FineCells cells_{{1'000'000}};
  std::vector<FineHistogram::Store> stores_ = [this] {
    std::vector<FineHistogram::Store> stores;
    for (size_t tier = 0; tier < kFirstByteTiers; ++tier)
      stores.emplace_back(cells_, FineHistogram::Parts::kOne);
    return stores;
  }();
  FirstBytes times_;
};

TEST_F(FirstBytesTest, ARowHasTheQuantilesOfItsSecond) {
  count(0, 5s);  // before the first second
  EXPECT_EQ(second()[Column::kMemoryP50], kNoValue);
  count(0, 1ms, 99);
  count(0, 100ms);
  count(2, 20ms);
  const Row row = second();
  EXPECT_NEAR(static_cast<double>(row[Column::kMemoryP50]), 1000, 63);
  EXPECT_NEAR(static_cast<double>(row[Column::kMemoryP999]), 100'000, 6300);
  EXPECT_EQ(row[Column::kDiskP50], kNoValue);
  EXPECT_NEAR(static_cast<double>(row[Column::kMissP99]), 20'000, 1300);
  EXPECT_EQ(second()[Column::kMemoryP50], kNoValue);
}

TEST_F(FirstBytesTest, WindowsHaveTheirSecondsOnly) {
  (void)second();
  for (int i = 0; i < 1000; ++i) {
    count(0, 1ms);
    (void)second();
  }
  EXPECT_EQ(times_.window(0, 1).count(), 1u);
  EXPECT_EQ(times_.window(0, 10).count(), 10u);
  EXPECT_NEAR(static_cast<double>(times_.window(0, 60).count()), 60, 10);
  EXPECT_NEAR(static_cast<double>(times_.window(0, 600).count()), 600, 10);
  EXPECT_EQ(times_.window(1, 600).count(), 0u);
}

TEST_F(FirstBytesTest, AYoungProcessTellsWhatThereIs) {
  EXPECT_EQ(times_.window(0, 60).count(), 0u);
  count(0, 1ms, 7);
  (void)second();
  for (int i = 0; i < 15; ++i) {
    count(0, 1ms);
    (void)second();
  }
  EXPECT_EQ(times_.window(0, 600).count(), 15u);
}

}  // namespace
}  // namespace cachey::app
