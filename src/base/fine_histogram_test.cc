#include "base/fine_histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "base/metrics.h"

namespace cachey {
namespace {

using ::testing::HasSubstr;

TEST(FineCells, EveryShownBoundIsTheLargestValueOfACell) {
  const FineCells cells(latency_bounds());
  for (const uint64_t shown : cells.shown()) {
    EXPECT_EQ(cells.bound(cells.index_of(shown)), shown);
    EXPECT_EQ(cells.index_of(shown + 1), cells.index_of(shown) + 1);
  }
}

TEST(FineCells, AValueIsInTheFirstCellThatReachesTheValue) {
  const FineCells cells(latency_bounds());
  EXPECT_LT(cells.size(), 256u);
  for (size_t cell = 0; cell < cells.size(); ++cell) {
    const uint64_t bound = cells.bound(cell);
    ASSERT_EQ(cells.index_of(bound), cell) << bound;
    if (cell + 1 < cells.size()) ASSERT_EQ(cells.index_of(bound + 1), cell + 1) << bound;
  }
  EXPECT_EQ(cells.index_of(0), 0u);
  EXPECT_EQ(cells.index_of(FineCells::kValueMax), cells.size() - 1);
  EXPECT_EQ(cells.index_of(~uint64_t{0}), cells.size() - 1);
}

TEST(FineCells, ACellIsAtMostAnEighthOfItsLowerEndWide) {
  const FineCells cells(latency_bounds());
  for (size_t cell = 1; cell + 1 < cells.size(); ++cell) {
    const uint64_t lowest = cells.bound(cell - 1) + 1;
    ASSERT_LE(cells.bound(cell) - lowest + 1, lowest / 8) << lowest;
  }
}

/// Values of many sizes, as latencies are.
std::vector<uint64_t> latencies(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> size(std::log(300e3), 2);
  std::vector<uint64_t> values(count);
  for (uint64_t& value : values) {
    value = static_cast<uint64_t>(std::clamp(size(random), 1'152.0, 60e9));
  }
  return values;
}

TEST(FineHistogram, AQuantileIsAtMostASixteenthOff) {
  const FineCells cells(latency_bounds());
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const FineHistogram::Store store(cells, FineHistogram::Parts::kOne);
    std::vector<uint64_t> values = latencies(seed, 1 + 40 * seed);
    for (const uint64_t value : values) store.handle().observe(value);
    std::ranges::sort(values);
    const FineHistogram::Snapshot snapshot = store.handle().snapshot();
    for (const double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const double rank = std::ceil(q * static_cast<double>(values.size()));
      const size_t index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
      const auto exact = static_cast<double>(values[index]);
      const auto told = static_cast<double>(snapshot.quantile(q).value());
      EXPECT_NEAR(told, exact, exact / 16) << "seed " << seed << " q " << q;
    }
  }
}

TEST(FineHistogram, NothingCountedHasNoQuantile) {
  const FineCells cells(latency_bounds());
  const FineHistogram::Store store(cells, FineHistogram::Parts::kOnePerThread);
  EXPECT_EQ(store.handle().snapshot().quantile(0.5), std::nullopt);
  EXPECT_EQ(FineHistogram::Snapshot().quantile(0.5), std::nullopt);
  EXPECT_EQ(FineHistogram::Snapshot().count(), 0u);
}

TEST(FineHistogram, AValueCountsTheSameInBothAsInEach) {
  const FineCells cells(latency_bounds());
  const FineHistogram::Store one(cells, FineHistogram::Parts::kOnePerThread);
  const FineHistogram::Store other(cells, FineHistogram::Parts::kOnePerThread);
  const FineHistogram::Store each(cells, FineHistogram::Parts::kOnePerThread);
  for (const auto time : {std::chrono::nanoseconds(-1), std::chrono::nanoseconds(7'000'000)}) {
    FineHistogram::observe_in_both(one.handle(), other.handle(), time);
    each.handle().observe(time);
  }
  for (const FineHistogram::Store* both : {&one, &other}) {
    const FineHistogram::Snapshot counted = both->handle().snapshot();
    EXPECT_EQ(counted.count(), 2u);
    EXPECT_EQ(counted.sum(), each.handle().snapshot().sum());
    EXPECT_EQ(counted.quantile(1), each.handle().snapshot().quantile(1));
  }
}

TEST(FineHistogram, ValuesOutsideShowAsTheEnds) {
  const FineCells cells(latency_bounds());
  const FineHistogram::Store store(cells, FineHistogram::Parts::kOne);
  store.handle().observe(uint64_t{3});
  store.handle().observe(std::chrono::nanoseconds(-5));  // a clock that was set back
  store.handle().observe(std::chrono::hours(3));
  EXPECT_EQ(store.handle().snapshot().quantile(0.5), FineCells::kValueMin);
  EXPECT_EQ(store.handle().snapshot().quantile(1), FineCells::kValueMax);
}

TEST(FineHistogram, TheDifferenceOfTwoSnapshotsKnowsOnlyWhatCameBetween) {
  const FineCells cells(latency_bounds());
  const FineHistogram::Store store(cells, FineHistogram::Parts::kOnePerThread);
  const FineHistogram histogram = store.handle();
  for (int i = 0; i < 1000; ++i) histogram.observe(std::chrono::microseconds(100));
  const FineHistogram::Snapshot before = histogram.snapshot();
  for (int i = 0; i < 10; ++i) histogram.observe(std::chrono::milliseconds(400));
  const FineHistogram::Snapshot between = histogram.snapshot() - before;
  EXPECT_EQ(between.count(), 10u);
  EXPECT_EQ(between.sum(), 4'000'000'000u);
  EXPECT_NEAR(static_cast<double>(between.quantile(0.5).value()), 400e6, 25e6);
  EXPECT_EQ(between.count_up_to(250'000'000), 0u);
  EXPECT_EQ(between.count_up_to(500'000'000), 10u);
  FineHistogram::Snapshot sum;
  sum += before;
  sum += between;
  EXPECT_EQ(sum.count(), 1010u);
  EXPECT_NEAR(static_cast<double>(sum.quantile(0.5).value()), 100e3, 7e3);
  EXPECT_EQ((sum - FineHistogram::Snapshot()).count(), 1010u);
}

TEST(FineHistogram, MetricsShowTheShownBoundsOnly) {
  Metrics metrics;
  const FineHistogram memory =
      metrics.fine_histogram("first", "help", latency_bounds(), {{"tier", "memory"}});
  const FineHistogram disk =
      metrics.fine_histogram("first", "help", latency_bounds(), {{"tier", "disk"}});
  memory.observe(std::chrono::microseconds(100));
  memory.observe(std::chrono::nanoseconds(100'001));
  disk.observe(std::chrono::seconds(61));
  metrics.fine_histogram("first", "help", latency_bounds(), {{"tier", "disk"}})
      .observe(std::chrono::seconds(1));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE first histogram\n"));
  EXPECT_THAT(text, HasSubstr("first_bucket{tier=\"memory\",le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("first_bucket{tier=\"memory\",le=\"0.00025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("first_sum{tier=\"memory\"} 0.000200001\n"));
  EXPECT_THAT(text, HasSubstr("first_bucket{tier=\"disk\",le=\"60\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("first_bucket{tier=\"disk\",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("first_count{tier=\"disk\"} 2\n"));
  const auto lines = std::ranges::count(text, '\n');
  EXPECT_EQ(static_cast<size_t>(lines), 2 + 2 * (latency_bounds().size() + 3));
}

TEST(FineHistogram, MoreThreadsThanPartsLoseNothing) {
  Metrics metrics;
  const FineHistogram shared =
      metrics.fine_histogram("s", "help", latency_bounds(), {}, FineHistogram::Parts::kOne);
  const FineHistogram apart = metrics.fine_histogram("a", "help", latency_bounds());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 2 * kShards + 1; ++i) {
    threads.emplace_back([&] {
      for (uint64_t n = 0; n < 1000; ++n) {
        shared.observe(n * 1000);
        apart.observe(n * 1000);
      }
    });
  }
  for (int reading = 0; reading < 10; ++reading) {
    EXPECT_LE(apart.snapshot().count(), 1000 * (2 * kShards + 1));
  }
  for (std::thread& thread : threads) thread.join();
  for (const FineHistogram& histogram : {shared, apart}) {
    EXPECT_EQ(histogram.snapshot().count(), 1000 * (2 * kShards + 1));
    EXPECT_EQ(histogram.snapshot().sum(), 499'500'000 * (2 * kShards + 1));
  }
}

}  // namespace
}  // namespace cachey
