#include "base/throughput.h"

#include <gtest/gtest.h>

namespace cachey {
namespace {

TEST(Throughput, IsTheMeanOfTheLastWholeSeconds) {
  Metrics metrics;
  Throughput throughput(metrics.counter("bytes_total", "help"));
  EXPECT_EQ(throughput.rate(10), 0);
  for (int second = 0; second < 200; ++second) {
    throughput.add(second < 195 ? 100 : 600);
    throughput.sample();
  }
  throughput.add(1'000'000);  // in a second that is not over yet
  EXPECT_DOUBLE_EQ(throughput.rate(1), 600);
  EXPECT_DOUBLE_EQ(throughput.rate(10), 350);
  EXPECT_DOUBLE_EQ(throughput.rate(60), (55 * 100 + 5 * 600) / 60.0);
  EXPECT_EQ(throughput.total(), 195u * 100 + 5 * 600 + 1'000'000);
}

}  // namespace
}  // namespace cachey
