#include "app/status/bucket_table.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace cachey::app {
namespace {

BucketFacts facts_of(const std::string& name, int64_t attempts, int64_t failures) {
  BucketFacts facts;
  facts.name = name;
  facts.attempts = attempts;
  facts.failures = failures;
  return facts;
}

TEST(BucketTable, CountsTheLastSecondsAndTheLastMinute) {
  BucketTable table;
  for (int64_t second = 1; second <= 200; ++second)
    table.update(std::vector{facts_of("b", 5 * second, second), facts_of("a", 0, 0)});
  ASSERT_EQ(table.views().size(), 2u);
  EXPECT_EQ(table.views()[0].now.name, "a");
  EXPECT_EQ(table.views()[0].minute.attempts, 0);
  EXPECT_EQ(table.views()[1].recent.attempts, 50);
  EXPECT_EQ(table.views()[1].recent.failures, 10);
  EXPECT_EQ(table.views()[1].minute.attempts, 300);
}

TEST(BucketTable, WhatWasBeforeTheFirstUpdateIsNotRecent) {
  BucketTable table;
  table.update(std::vector{facts_of("b", 1000, 10)});
  EXPECT_EQ(table.views()[0].minute.attempts, 0);
  table.update(std::vector{facts_of("b", 1001, 10)});
  EXPECT_EQ(table.views()[0].minute.attempts, 1);
}

TEST(BucketTable, ABucketThatIsNotReportedIsForgotten) {
  BucketTable table;
  table.update(std::vector{facts_of("b", 0, 0)});
  table.update(std::vector{facts_of("b", 9, 0)});
  table.update({});
  EXPECT_TRUE(table.views().empty());
  table.update(std::vector{facts_of("b", 20, 0)});
  EXPECT_EQ(table.views()[0].minute.attempts, 0);
}

TEST(BucketTable, ABucketThatHangsIsNotIdle) {
  BucketTable table;
  BucketFacts facts = facts_of("b", 100, 0);
  for (int second = 0; second < 60; ++second) {
    if (second % 5 == 0) ++facts.failed_reads;
    table.update(std::vector{facts});
    EXPECT_LT(table.views()[0].idle_seconds, 5u);
  }
  for (int second = 0; second < 9; ++second) table.update(std::vector{facts});
  EXPECT_GT(table.views()[0].idle_seconds, 9u);
}

TEST(BucketTable, TheUsualTimeFollowsQuickerAnswersAtOnceAndSlowerOnesSlowly) {
  BucketTable table;
  const auto run = [&](double ms, int seconds) {
    BucketFacts facts = facts_of("b", 0, 0);
    facts.now_ms = ms;
    for (int i = 0; i < seconds; ++i) table.update(std::vector{facts});
    return table.views()[0].usual_ms;
  };
  EXPECT_FALSE(run(20, BucketTable::kSecondsMin - 1));
  EXPECT_DOUBLE_EQ(*run(20, 10), 20);
  EXPECT_LT(*run(2000, 600), 40);
  EXPECT_LT(*run(10, 20), 11);
}

TEST(BucketTable, TheNewestMedianIsOfTheLastSeconds) {
  const FineCells cells({1'000'000});
  const FineHistogram::Store store(cells, FineHistogram::Parts::kOne);
  BucketTable table;
  const auto run = [&](std::chrono::milliseconds time, int seconds) {
    for (int i = 0; i < seconds; ++i) {
      store.handle().observe(time);
      store.handle().observe(time);
      BucketFacts facts = facts_of("b", 0, 0);
      facts.first_byte = store.handle().snapshot();
      table.update(std::vector{facts});
    }
    return table.views()[0].now.now_ms;
  };
  EXPECT_FALSE(run(std::chrono::milliseconds(20), 1));
  EXPECT_NEAR(*run(std::chrono::milliseconds(20), 10), 20, 2);
  EXPECT_NEAR(*run(std::chrono::milliseconds(1500), 5), 1500, 100);
  EXPECT_NEAR(*run(std::chrono::milliseconds(20), 6), 20, 2);
}

}  // namespace
}  // namespace cachey::app
