#include "origin/read/buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class BucketRank : public ::testing::Test {
 protected:
  std::vector<size_t> order(const std::vector<std::string>& names) {
    const BucketOrder ranked = buckets_.rank(names);
    return {ranked.index.begin(), ranked.index.begin() + ranked.count};
  }

  /// Failures of as many objects.
  void fail_times(const std::string& bucket, int times,
                  const Error& error = Error(ErrorKind::kUpstream, "")) {
    for (int i = 0; i < times; ++i)
      buckets_.failed(bucket, "key-" + std::to_string(next_key_++), error);
  }
  void answer(const std::string& bucket) {
    buckets_.answered(bucket, "good", std::chrono::milliseconds(1));
  }

  /// Pages that took so long from head to end.
  void bodies(const std::string& bucket, int times, std::chrono::milliseconds took) {
    for (int i = 0; i < times; ++i) {
      answer(bucket);
      buckets_.read_whole(bucket, kPageBytes, std::chrono::milliseconds(1), took);
    }
  }
  /// The first bucket of `a` and `b` for a read of at most `bytes`.
  size_t first(uint64_t bytes) { return buckets_.rank(both_, bytes).index[0]; }

  const std::vector<std::string> both_{"a", "b"};
  ManualClock clock_;
  int next_key_ = 0;
  Metrics metrics_;
  Buckets buckets_{0.99, clock_, metrics_};
};

TEST_F(BucketRank, WithoutAShareForHedgesThereIsNoHedgeDelay) {
  Metrics metrics;
  for (const double share : {0.0, 0.01}) {
    Buckets buckets(0.99, clock_, metrics, share);
    for (int i = 0; i < 10; ++i) buckets.answered("a", "good", std::chrono::milliseconds(1));
    EXPECT_EQ(buckets.patience("a").late.has_value(), share > 0);
  }
}

TEST_F(BucketRank, IsTheClientsOrderAtFirst) {
  EXPECT_THAT(order({"a"}), ::testing::ElementsAre(0));
  EXPECT_THAT(order({"a", "b", "c"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, AnOpenBreakerMovesABucketBack) {
  fail_times("a", 5);
  EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(1, 0));
  EXPECT_THAT(order({"a", "b", "c"}), ::testing::ElementsAre(1, 2));
  clock_.advance(std::chrono::minutes(10));
  EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, ABucketWhoseBreakerClosedByTimeLeadsOneRequestASecondUntilItHasSucceeded) {
  fail_times("a", 5);
  for (int round = 0; round < 3; ++round) {
    clock_.advance(std::chrono::minutes(10));
    EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
    for (int i = 0; i < 10; ++i) EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(1, 0));
    EXPECT_THAT(order({"a"}), ::testing::ElementsAre(0)) << "who has no other asks it";
  }
  answer("a");
  for (int i = 0; i < 10; ++i) EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, ABucketWithSlowBodiesIsLeftForLargeReadsAlone) {
  using namespace std::chrono_literals;
  bodies("a", 10, 800ms);
  bodies("b", 10, 800ms);
  EXPECT_EQ(first(kPageBytes), 0u) << "a good pace";
  bodies("a", 50, 8s);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(first(kPageBytes), 1u);
    EXPECT_EQ(first(64 * kKiB), 0u);
    EXPECT_EQ(first(0), 0u);
  }
  clock_.advance(10min);
  EXPECT_EQ(first(kPageBytes), 0u) << "is tried again";
}

/// Perhaps the other bucket has none of the objects.
TEST_F(BucketRank, ABucketWhoseBodiesAreNotKnownIsTriedOnceInTenSeconds) {
  using namespace std::chrono_literals;
  bodies("a", 50, 8s);
  int tried = 0;
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(first(64 * kKiB), 0u);
    tried += first(kPageBytes) == 1 ? 1 : 0;
    clock_.advance(1s);
  }
  EXPECT_EQ(tried, 6);
}

TEST_F(BucketRank, SlowBodiesDoNotCountIfAllBucketsAreAsSlow) {
  using namespace std::chrono_literals;
  bodies("a", 50, 8s);
  bodies("b", 50, 5s);
  EXPECT_EQ(first(kPageBytes), 0u);
  bodies("b", 200, 2s);
  EXPECT_EQ(first(kPageBytes), 1u);
}

TEST_F(BucketRank, TheSlowestBodiesWeighLessThanAnOpenBreaker) {
  using namespace std::chrono_literals;
  bodies("a", 50, 1h);
  bodies("b", 50, 1s);
  EXPECT_EQ(first(kPageBytes), 1u);
  fail_times("b", 5);
  EXPECT_EQ(first(kPageBytes), 0u);
}

TEST_F(BucketRank, WhatIsNotTheStoresFaultDoesNotCount) {
  fail_times("a", 50, Error(ErrorKind::kChanged, ""));
  EXPECT_THAT(order({"a", "b"}), ::testing::ElementsAre(0, 1));
}

TEST_F(BucketRank, NamesThatOnlyFailDoNotDropBucketsThatAnswer) {
  answer("known");
  for (int i = 0; i < 5000; ++i) fail_times("name-" + std::to_string(i), 5);
  EXPECT_TRUE(buckets_.is_proven("known"));
  EXPECT_FALSE(buckets_.view("name-0"));
  EXPECT_TRUE(buckets_.view("name-4999"));
  for (int i = 0; i < 100; ++i) answer("new");
  EXPECT_TRUE(buckets_.patience("new").late);
  fail_times("known", 5);
  EXPECT_TRUE(buckets_.is_down("known"));
}

TEST_F(BucketRank, PastTheBoundTheBucketWithoutNewsForTheLongestTimeIsForgotten) {
  answer("first");
  answer("second");
  for (int i = 0; i < 999; ++i) {
    if (i == 500) answer("first");
    answer("name-" + std::to_string(i));
  }
  EXPECT_TRUE(buckets_.is_proven("first"));
  EXPECT_FALSE(buckets_.is_proven("second"));
}

TEST_F(BucketRank, ABucketIsProvenByAGoodAnswerAlone) {
  EXPECT_FALSE(buckets_.is_proven("a"));
  fail_times("a", 1);
  EXPECT_FALSE(buckets_.is_proven("a"));
  answer("a");
  EXPECT_TRUE(buckets_.is_proven("a"));
}

TEST_F(BucketRank, FailuresFromBeforeTheFirstAnswerAreKept) {
  fail_times("a", 3);
  answer("a");
  EXPECT_GT(buckets_.view("a")->error_rate, 0.04);
}

TEST_F(BucketRank, ABucketThatHasOnlyFailedIsVisibleInTheMetrics) {
  fail_times("a", 1, Error(ErrorKind::kNotFound, ""));
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("bucket=\"a\"")));
  fail_times("a", 1, Error(ErrorKind::kTimeout, "silent"));
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("cachey_bucket_consecutive_failures{bucket=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cachey_bucket_error_ratio{bucket=\"a\"} 0.015\n"));
  EXPECT_THAT(text, Not(HasSubstr("cachey_bucket_head_latency_seconds{bucket=\"a\"}")))
      << "there was no head";
}

TEST_F(BucketRank, AProvenBucketIsVisibleInTheMetrics) {
  fail_times("a", 4);
  answer("a");
  fail_times("a", 5, Error(ErrorKind::kTimeout, ""));
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("cachey_bucket_deprioritized{bucket=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cachey_bucket_consecutive_failures{bucket=\"a\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("cachey_bucket_share{bucket=\"a\"} 1\n"));
}

TEST_F(BucketRank, ManyBucketsLeaveTheGaugesToThoseWithTheLatestNews) {
  for (int i = 0; i < 300; ++i) fail_times("made-up-" + std::to_string(i), 1);
  for (int i = 0; i < 200; ++i) answer("bucket-" + std::to_string(i));
  answer("bucket-0");
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr("cachey_bucket_error_ratio{bucket=\"bucket-0\"}"));
  EXPECT_THAT(text, HasSubstr("cachey_bucket_error_ratio{bucket=\"bucket-199\"}"));
  EXPECT_THAT(text, Not(HasSubstr("bucket=\"bucket-50\"")));
  EXPECT_THAT(text, HasSubstr("cachey_bucket_error_ratio{bucket=\"made-up-280\"}"));
  EXPECT_THAT(text, Not(HasSubstr("made-up-279"))) << "20 of those that have only failed";
}

TEST_F(BucketRank, HungRequestsHaveABudgetABucketAndNamesWithoutAnAnswerShareOne) {
  const auto rescues = [this](const std::string& bucket) {
    int spent = 0;
    while (buckets_.spend_rescue(bucket)) ++spent;
    return spent;
  };
  answer("a");
  answer("b");
  EXPECT_EQ(rescues("a"), 16);
  EXPECT_EQ(rescues("b"), 16);
  EXPECT_EQ(rescues("made-up"), 16);
  EXPECT_EQ(rescues("made-up-too"), 0);
  clock_.advance(std::chrono::seconds(3));
  EXPECT_EQ(rescues("a"), 3);
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(rescues("a"), 16);
}

}  // namespace
}  // namespace cachey::origin
