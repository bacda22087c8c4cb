#include "origin/read/latency_histogram.h"

#include <gtest/gtest.h>

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, KnowsNothingBeforeTheFirst) {
  const LatencyHistogram histogram{MonoTime()};
  EXPECT_FALSE(histogram.mean_seconds());
  EXPECT_FALSE(histogram.quantile_seconds(0.5));
}

TEST(LatencyHistogram, QuantilesAreWithinABucket) {
  LatencyHistogram histogram{MonoTime()};
  for (int i = 1; i <= 1000; ++i) histogram.add(std::chrono::milliseconds(i), MonoTime());
  EXPECT_NEAR(*histogram.mean_seconds(), 0.5005, 1e-6);
  for (const double quantile : {0.1, 0.5, 0.9, 0.99}) {
    EXPECT_GE(*histogram.quantile_seconds(quantile), quantile);
    EXPECT_LE(*histogram.quantile_seconds(quantile), quantile * 1.126);
  }
}

TEST(LatencyHistogram, TheExtremesHaveABucket) {
  LatencyHistogram histogram{MonoTime()};
  histogram.add(0ns, MonoTime());
  EXPECT_LE(*histogram.quantile_seconds(1), 16e-6);
  histogram.add(std::chrono::hours(9), MonoTime());
  EXPECT_GT(*histogram.quantile_seconds(1), 200);
}

TEST(LatencyHistogram, ForgetsWithTime) {
  LatencyHistogram histogram{MonoTime()};
  MonoTime now;
  for (int i = 0; i < 100; ++i) histogram.add(1s, now);
  now += 300s;  // 100 old observations weigh as much as 1.1 new ones
  for (int i = 0; i < 11; ++i) histogram.add(10ms, now);
  EXPECT_NEAR(*histogram.mean_seconds(), 0.1, 0.01);
  EXPECT_LT(*histogram.quantile_seconds(0.8), 0.02);
  now += std::chrono::hours(100);  // long after the weights were rescaled
  histogram.add(20ms, now);
  EXPECT_NEAR(*histogram.mean_seconds(), 0.02, 1e-9);
}

}  // namespace
}  // namespace cachey::origin
