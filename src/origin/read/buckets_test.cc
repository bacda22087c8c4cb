#include "origin/read/buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cachey::origin {
namespace {

class BucketRank : public ::testing::Test {
 protected:
  std::vector<size_t> order(const std::vector<std::string>& names) {
    const BucketOrder ranked = buckets_.rank(names);
    return {ranked.index.begin(), ranked.index.begin() + ranked.count};
  }

  ManualClock clock_;
  Metrics metrics_;
  Buckets buckets_{0.99, clock_, metrics_};
};

TEST_F(BucketRank, IsTheClientsOrderAtFirst) {
  EXPECT_THAT(order({"a"}), ::testing::ElementsAre(0));
  EXPECT_THAT(order({"a", "b", "c"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, AnOpenBreakerMovesABucketBack) {
  for (int i = 0; i < 5; ++i) buckets_.failed("a", ErrorKind::kUpstream);
  EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(1, 0));
  EXPECT_THAT(order({"a", "b", "c"}), ::testing::ElementsAre(1, 2));
  clock_.advance(std::chrono::minutes(10));
  EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, ABucketWhoseBreakerClosedByTimeLeadsOneRequestASecondUntilItHasSucceeded) {
  for (int i = 0; i < 5; ++i) buckets_.failed("a", ErrorKind::kUpstream);
  for (int round = 0; round < 3; ++round) {
    clock_.advance(std::chrono::minutes(10));
    EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
    for (int i = 0; i < 10; ++i) EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(1, 0));
    EXPECT_THAT(order({"a"}), ::testing::ElementsAre(0)) << "who has no other asks it";
  }
  buckets_.answered("a", std::chrono::milliseconds(1));
  for (int i = 0; i < 10; ++i) EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, WhatIsNotTheStoresFaultDoesNotCount) {
  for (int i = 0; i < 50; ++i) buckets_.failed("a", ErrorKind::kChanged);
  EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, NamesThatOnlyFailDoNotKeepOutBucketsThatAnswer) {
  const std::chrono::milliseconds soon(1);
  buckets_.answered("known", soon);
  for (int i = 0; i < 5000; ++i) buckets_.failed("name-" + std::to_string(i), ErrorKind::kUpstream);
  for (int i = 0; i < 100; ++i) buckets_.answered("new", soon);
  EXPECT_TRUE(buckets_.hedge_delay("new"));
  for (int i = 0; i < 5; ++i) buckets_.failed("known", ErrorKind::kUpstream);
  EXPECT_TRUE(buckets_.is_down("known"));
}

TEST_F(BucketRank, ABucketIsProvenByAGoodAnswerAlone) {
  EXPECT_FALSE(buckets_.is_proven("a"));
  buckets_.failed("a", ErrorKind::kUpstream);
  EXPECT_FALSE(buckets_.is_proven("a"));
  buckets_.answered("a", std::chrono::milliseconds(1));
  EXPECT_TRUE(buckets_.is_proven("a"));
}

TEST_F(BucketRank, IsVisibleInTheMetrics) {
  for (int i = 0; i < 5; ++i) buckets_.failed("a", ErrorKind::kTimeout);
  EXPECT_THAT(metrics_.text(),
              ::testing::HasSubstr("cachey_bucket_circuit_breaker_open{bucket=\"a\"} 1"));
}

}  // namespace
}  // namespace cachey::origin
