#include "app/status/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cachey::app {
namespace {

using ::testing::HasSubstr;

BucketFacts bucket_named(const std::string& name) {
  BucketFacts made;
  made.name = name;
  return made;
}

class StatusTest : public ::testing::Test {
 protected:
  void run(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      facts_.totals[Column::kTimeMs] = 1'000'000 + 1000 * second_++;
      for (const Column column : {Column::kPagesMemory, Column::kStatus2xx, Column::kPagesMiss})
        facts_.totals[column] = 10 * second_;
      status_.add(facts_);
    }
  }
  [[nodiscard]] nlohmann::json data(uint64_t since = 0) {
    return nlohmann::json::parse(*status_.data(since));
  }

  Metrics metrics_;
  Status status_{{.version = "1", .revision = "r", .boot = "b", .started_ms = 5, .threads = 3},
                 metrics_};
  Facts facts_;
  int64_t second_ = 0;
};

TEST_F(StatusTest, BeforeTheFirstSecondThereAreNoRows) {
  const auto json = data();
  EXPECT_EQ(json["rows"].size(), 0u);
  EXPECT_EQ(json["first"], 1);
  EXPECT_EQ(json["now_ms"], 5);
  EXPECT_EQ(json["findings"].size(), 0u);
}

TEST_F(StatusTest, TellsRowsStateAndNames) {
  facts_.buckets = {bucket_named("<b>\xff")};
  facts_.clients = {{"token 1", 1, 2, 3, 4}};
  facts_.disk.state = DiskFacts::State::kOffline;
  run(20);
  const auto json = data(10);
  EXPECT_EQ(json["version"], "1");
  EXPECT_EQ(json["threads"], 3);
  EXPECT_EQ(json["first"], 11);
  EXPECT_EQ(json["rows"].size(), 10u);
  EXPECT_EQ(json["rows"][0][1], 10);
  EXPECT_EQ(json["buckets"][0]["name"], "<b>\xef\xbf\xbd");
  EXPECT_EQ(json["buckets"][0]["state"], "ok");
  EXPECT_TRUE(json["buckets"][0]["attempts"].is_null());
  EXPECT_EQ(json["clients"][0]["misses"], 2);
  EXPECT_EQ(json["findings"][0]["code"], "disk_offline");
  EXPECT_EQ(json["findings"][0]["level"], "bad");
  EXPECT_EQ(json["findings"][0]["since_ms"], 1'000'000);
  EXPECT_THAT(metrics_.text(), HasSubstr("cachey_finding{code=\"disk_offline\"} 1\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr("cachey_finding{code=\"thrashing\"} 0\n"));
}

TEST_F(StatusTest, TheWorstBucketsAreShownAndTheRestIsCounted) {
  for (int i = 0; i < 30; ++i) facts_.buckets.push_back(bucket_named("b" + std::to_string(i)));
  facts_.buckets[25].breaker_open = true;
  facts_.buckets[26].breaker_open = true;
  facts_.buckets[26].share = 0.5;
  run(2);
  const auto json = data();
  EXPECT_EQ(json["buckets"].size(), Status::kBucketsShown);
  EXPECT_EQ(json["buckets_more"], 10);
  EXPECT_EQ(json["buckets"][0]["state"], "deprioritized");
  EXPECT_EQ(json["buckets"][1]["state"], "open");
}

TEST_F(StatusTest, ThoseThatAskForTheSameRowsShareAText) {
  run(100);
  EXPECT_EQ(status_.data(98), status_.data(98));
  EXPECT_EQ(status_.data(0), status_.data(12345));
  const Status::Text before = status_.data(0);
  run(1);
  EXPECT_NE(status_.data(0), before);
}

TEST_F(StatusTest, LongTextsAreBoundedAndHonestReadersAreServed) {
  run(601);
  std::vector<Status::Text> held;
  for (uint64_t since = 100; held.size() < Status::kLongTextsMax; ++since) {
    held.push_back(status_.data(since));
    ASSERT_NE(held.back(), nullptr);
  }
  EXPECT_EQ(status_.data(300), nullptr);
  EXPECT_NE(status_.data(0), nullptr);
  EXPECT_NE(status_.data(599), nullptr);
  EXPECT_TRUE(status_.is_short(599));
  EXPECT_FALSE(status_.is_short(300));
  run(1);  // shares nothing any more
  held.clear();
  EXPECT_NE(status_.data(300), nullptr);
}

TEST_F(StatusTest, StatsHaveWindows) {
  run(101);
  nlohmann::ordered_json stats;
  status_.describe(stats);
  EXPECT_EQ(stats["windows"]["10s"]["requests"], 100);
  EXPECT_EQ(stats["windows"]["1m"]["requests"], 600);
  EXPECT_EQ(stats["windows"]["10m"]["seconds"], 101);
  EXPECT_EQ(stats["windows"]["10m"]["pages"], 2020);
  EXPECT_EQ(stats["windows"]["10m"]["hit_ratio"], 0.5);
  EXPECT_TRUE(stats["failures"]["store"].is_null());
  EXPECT_EQ(stats["findings"].size(), 0u);
}

}  // namespace
}  // namespace cachey::app
