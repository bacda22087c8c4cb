#include "base/throughput.h"

#include <gtest/gtest.h>

#include <string>

#include "base/throughput_metrics.h"

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

TEST(ThroughputMetrics, AreAGaugeAWindow) {
  Metrics metrics;
  Throughput throughput(metrics.counter("bytes_total", "help"));
  add_throughput_metrics(metrics, "egress", throughput);
  throughput.sample();
  throughput.add(600);
  throughput.sample();
  const std::string text = metrics.text();
  const std::string name = "cachey_throughput_bytes_per_second{direction=\"egress\",window=";
  for (const char* window : {"\"10s\"} 60\n", "\"30s\"} 20\n", "\"1m\"} 10\n"}) {
    EXPECT_NE(text.find(name + window), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace cachey
