#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cachey {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, WritesWhatWasCounted) {
  Metrics metrics;
  metrics.counter("c_total", "what c is", {{"kind", "a"}}).add(3);
  auto& gauge = metrics.gauge("g", "help");
  metrics.before_collect([&gauge] { gauge.Set(7); });
  metrics.read_gauge("read", "help", [] { return 2.5; }, {{"of", "x"}});
  metrics.read_counter("read_total", "help", [] { return 11.0; });
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP c_total what c is\n# TYPE c_total counter\n"
                              "c_total{kind=\"a\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("g 7\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE read gauge\nread{of=\"x\"} 2.5\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE read_total counter\nread_total 11\n"));
}

TEST(Metrics, AHistogramCountsUpToAndWithItsBounds) {
  Metrics metrics;
  const Histogram histogram = metrics.histogram("h", "help", {10, 25}, 1000);
  for (const uint64_t value : {0, 10, 11, 25, 26, 1'000'000}) histogram.observe(value);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE h histogram\n"));
  EXPECT_THAT(text, HasSubstr("h_count 6\n"));
  EXPECT_THAT(text, HasSubstr("h_sum 1000.072\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"0.01\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"0.025\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"+Inf\"} 6\n"));
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameCount) {
  Metrics metrics;
  metrics.counter("c_total", "help", {{"k", "v"}}).add();
  metrics.counter("c_total", "help", {{"k", "v"}}).add();
  metrics.counter("c_total", "help", {{"k", "other"}}).add();
  EXPECT_EQ(metrics.counter("c_total", "help", {{"k", "v"}}).total(), 2u);
  EXPECT_FALSE(Counter());
}

TEST(Metrics, LabelsOfReadGaugesComeAndGo) {
  Metrics metrics;
  std::vector<Metrics::Reading> readings = {{{{"b", "x"}}, 1}, {{{"b", "y"}}, 2}};
  metrics.read_gauges("g", "help", [&readings] { return readings; });
  EXPECT_THAT(metrics.text(), HasSubstr("# TYPE g gauge\ng{b=\"x\"} 1\ng{b=\"y\"} 2\n"));
  readings = {{{{"b", "z"}}, 3}};
  EXPECT_THAT(metrics.text(), HasSubstr("# TYPE g gauge\ng{b=\"z\"} 3\n"));
}

TEST(Metrics, AReaderOfAnAtomicShowsItsValueAtTheScrape) {
  Metrics metrics;
  std::atomic<int64_t> open{0};
  metrics.read_gauge("open", "help", reader_of(open));
  open = -3;
  EXPECT_THAT(metrics.text(), HasSubstr("open -3\n"));
}

TEST(Metrics, ManyCountsDoNotRunIntoEachOther) {
  Metrics metrics;
  std::vector<Counter> counters;
  std::vector<Histogram> histograms;
  for (uint64_t i = 0; i < 300; ++i) {
    counters.push_back(metrics.counter("c_total", "help", {{"i", std::to_string(i)}}));
    histograms.push_back(metrics.histogram("h", "help", {1, 2}, 1, {{"i", std::to_string(i)}}));
  }
  for (uint64_t i = 0; i < 300; ++i) {
    counters[i].add(i);
    histograms[i].observe(1000 + i);
  }
  const std::string text = metrics.text();
  for (uint64_t i = 0; i < 300; ++i) {
    EXPECT_EQ(counters[i].total(), i);
    EXPECT_THAT(text, HasSubstr("h_sum{i=\"" + std::to_string(i) + "\"} " +
                                std::to_string(1000 + i) + "\n"));
  }
}

TEST(Metrics, MoreThreadsThanPartsLoseNothing) {
  Metrics metrics;
  const Counter counter = metrics.counter("c_total", "help");
  const Histogram histogram = metrics.histogram("h", "help", {1});
  ShardedCount count;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 2 * kShards + 1; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        counter.add();
        histogram.observe(2);
        count.add(3);
      }
    });
  }
  for (int scrape = 0; scrape < 10; ++scrape) EXPECT_THAT(metrics.text(), Not(HasSubstr("nan")));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.total(), 1000 * (2 * kShards + 1));
  EXPECT_EQ(count.total(), 3000 * (2 * kShards + 1));
  EXPECT_THAT(metrics.text(), HasSubstr("h_sum " + std::to_string(2000 * (2 * kShards + 1))));
}

}  // namespace
}  // namespace cachey
