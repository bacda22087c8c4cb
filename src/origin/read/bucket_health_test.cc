#include "origin/read/bucket_health.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class BucketHealthTest : public ::testing::Test {
 protected:
  using Instead = BucketHealth::Instead;

  /// Failures of as many objects.
  void fail_times(int times) {
    for (int i = 0; i < times; ++i) health_.failed(next_key_++);
  }
  void succeed(std::chrono::nanoseconds to_head) { health_.succeeded(next_key_++, to_head); }

  ManualClock clock_;
  BucketHealth health_{clock_};
  uint64_t next_key_ = 1;
};

TEST_F(BucketHealthTest, WithoutObservationsOnlyThePositionCounts) {
  EXPECT_EQ(health_.score(0), 0);
  EXPECT_EQ(health_.score(3), 6000);
}

TEST_F(BucketHealthTest, AnOutageIsReportedOnceWhenItBeginsAndOnceWhenItEnds) {
  EXPECT_EQ(health_.succeeded(1, 1ms), std::nullopt);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(health_.failed(next_key_++));
  EXPECT_TRUE(health_.failed(next_key_++));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(health_.failed(next_key_++));
  clock_.advance(BucketHealth::kBreakerOpen);  // the breaker closes by time
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(health_.failed(next_key_++));
  clock_.advance(2s);
  EXPECT_EQ(health_.succeeded(1, 1ms), BucketHealth::kBreakerOpen + 2s);
  EXPECT_EQ(health_.succeeded(1, 1ms), std::nullopt);
}

TEST_F(BucketHealthTest, LatencyAndErrorsAddUp) {
  succeed(50ms);
  EXPECT_DOUBLE_EQ(health_.score(1), 2000 + 500);
  fail_times(1);
  EXPECT_NEAR(health_.view().error_rate, 0.015, 1e-12);
  EXPECT_DOUBLE_EQ(health_.score(1), 2000 + 500 + 1500);
}

TEST_F(BucketHealthTest, TheErrorRateDecaysWithTimeAndSuccess) {
  for (int i = 0; i < 4; ++i) {
    fail_times(1);
    fail_times(1);
    succeed(1ms);
  }
  const double rate = health_.view().error_rate;
  clock_.advance(100s);
  EXPECT_NEAR(health_.view().error_rate, rate * std::exp(-1.5), 1e-12);
  succeed(1ms);
  EXPECT_NEAR(health_.view().error_rate, rate * std::exp(-1.5) * 0.985, 1e-12);
}

TEST_F(BucketHealthTest, FiveFailuresInARowOpenTheBreakerForThirtySeconds) {
  fail_times(4);
  EXPECT_FALSE(health_.view().breaker_open);
  fail_times(1);
  EXPECT_TRUE(health_.view().breaker_open);
  EXPECT_GE(health_.score(0), 1e6);
  clock_.advance(29s);
  EXPECT_TRUE(health_.view().breaker_open);
  clock_.advance(1s);
  EXPECT_FALSE(health_.view().breaker_open);
  EXPECT_LT(health_.score(0), 1e6);
}

TEST_F(BucketHealthTest, ABreakerThatClosedByTimeTakesFiveNewFailures) {
  fail_times(7);
  clock_.advance(31s);
  fail_times(4);
  EXPECT_FALSE(health_.view().breaker_open);
  fail_times(1);
  EXPECT_TRUE(health_.view().breaker_open);
}

TEST_F(BucketHealthTest, OneSuccessClosesTheBreaker) {
  fail_times(9);
  succeed(1ms);
  EXPECT_FALSE(health_.view().breaker_open);
  EXPECT_EQ(health_.view().consecutive_failures, 0);
}

TEST_F(BucketHealthTest, AnObjectCountsOnceHoweverOftenItFails) {
  for (int i = 0; i < 1000; ++i) {
    health_.failed(7);
    clock_.advance(10ms);
  }
  EXPECT_EQ(health_.view().consecutive_failures, 1);
  EXPECT_FALSE(health_.view().breaker_open);
  EXPECT_NEAR(health_.view().error_rate, 0.015, 0.005);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(health_.may_ask(100, Instead::kNothing));
}

TEST_F(BucketHealthTest, WhileTheBreakerIsOpenFailuresOfTheSameObjectsAreCounted) {
  for (int i = 0; i < 10; ++i) health_.failed(7);
  EXPECT_EQ(health_.view().failures, 1u);
  fail_times(BucketHealth::kBreakerFailures);
  const uint64_t before = health_.view().failures;
  for (int i = 0; i < 10; ++i) health_.failed(7);
  EXPECT_EQ(health_.view().failures, before + 10);
}

TEST_F(BucketHealthTest, ObjectsThatAreKnownToFailDoNotOpenTheBreakerAgain) {
  for (int round = 0; round < 100; ++round) {
    for (uint64_t bad = 1; bad <= FailedKeys::kKeysMax; ++bad) health_.failed(bad);
    health_.succeeded(1000, 1ms);
    if (round == 0) continue;
    EXPECT_EQ(health_.view().consecutive_failures, 0);
    for (uint64_t bad = 1; bad <= FailedKeys::kKeysMax; ++bad) health_.failed(bad);
    EXPECT_FALSE(health_.view().breaker_open);
    clock_.advance(100ms);
  }
}

TEST_F(BucketHealthTest, WhileItIsDownAndThereIsAnotherOneRequestASecondMayAsk) {
  EXPECT_TRUE(health_.may_ask(100, Instead::kOtherBucket));
  fail_times(5);
  EXPECT_FALSE(health_.may_ask(100, Instead::kOtherBucket));
  clock_.advance(1s);
  EXPECT_TRUE(health_.may_ask(100, Instead::kOtherBucket));
  EXPECT_FALSE(health_.may_ask(100, Instead::kOtherBucket));
  succeed(1ms);
  clock_.advance(BucketHealth::kBreakerOpen);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(health_.may_ask(100, Instead::kOtherBucket));
}

TEST_F(BucketHealthTest, TheLastBucketIsAskedInSpiteOfAnOpenBreaker) {
  fail_times(5);
  EXPECT_TRUE(health_.view().breaker_open);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(health_.may_ask(100, Instead::kNothing));
}

TEST_F(BucketHealthTest, WhileItIsDownABadObjectIsAskedForOnceASecondAndTheRestByShare) {
  fail_times(5);
  for (int i = 0; i < 8; ++i) {
    clock_.advance(BucketHealth::kShareWindow);
    fail_times(1);
  }
  EXPECT_EQ(health_.view().share, BucketHealth::kShareMin);
  EXPECT_FALSE(health_.may_ask(next_key_ - 1, Instead::kNothing)) << "it has just failed";
  int asked = 0;
  for (int i = 0; i < 640; ++i) {
    if (health_.may_ask(1000, Instead::kNothing)) ++asked;
  }
  EXPECT_NEAR(asked, 10, 1);
  for (int i = 1; i <= 9; ++i) {
    succeed(1ms);
    EXPECT_NEAR(health_.view().share, BucketHealth::kShareMin + 0.1 * i, 1e-9);
  }
}

TEST_F(BucketHealthTest, ThereIsNoHedgeWithoutDataNorWithoutAQuantile) {
  for (int i = 0; i < 9; ++i) succeed(50ms);
  EXPECT_FALSE(health_.patience(0.99).late);
  succeed(50ms);
  EXPECT_TRUE(health_.patience(0.99).late);
  EXPECT_FALSE(health_.patience(0).late);
}

TEST_F(BucketHealthTest, HedgesAreSentAfterTheQuantile) {
  for (int i = 0; i < 1000; ++i) succeed(std::chrono::milliseconds(i < 970 ? 50 : 80));
  EXPECT_NEAR(static_cast<double>(health_.patience(0.99).late->count()), 80e6, 10e6);
  EXPECT_NEAR(static_cast<double>(health_.patience(0.5).late->count()), 50e6, 7e6);
}

TEST_F(BucketHealthTest, ATailThatTheBudgetCanPayForDoesNotPutHedgesOff) {
  for (int i = 0; i < 1000; ++i) succeed(std::chrono::milliseconds(i < 970 ? 50 : 3000));
  EXPECT_LE(*health_.patience(0.99).late, 115ms);
  for (int i = 0; i < 1000; ++i) succeed(3000ms);
  EXPECT_GE(*health_.patience(0.99).late, 3000ms) << "that is no tail";
}

TEST_F(BucketHealthTest, AFastStoreIsNotHedgedBelowWhatTimersCanTell) {
  for (int i = 0; i < 100; ++i) succeed(1ms);
  EXPECT_EQ(*health_.patience(0.99).late, BucketHealth::kHedgeDelayMin);
}

TEST_F(BucketHealthTest, HedgesAreEarnedByAnswers) {
  EXPECT_FALSE(health_.spend_hedge());
  for (int i = 0; i < 40; ++i) succeed(1ms);
  EXPECT_TRUE(health_.spend_hedge());
  EXPECT_TRUE(health_.spend_hedge());
  EXPECT_FALSE(health_.spend_hedge());
}

TEST_F(BucketHealthTest, TheShareSaysHowManyHedgesAnAnswerEarns) {
  for (const auto& [share, earned] : {std::pair(1.0, 10), {0.25, 2}, {0.0, 0}}) {
    BucketHealth health(clock_, share);
    for (int i = 0; i < 10; ++i) health.succeeded(1, 1ms);
    for (int i = 0; i < earned; ++i) EXPECT_TRUE(health.spend_hedge()) << share;
    EXPECT_FALSE(health.spend_hedge()) << share;
  }
}

TEST_F(BucketHealthTest, AHedgeCostsTwiceAsMuchForEachThatWasLost) {
  for (int i = 0; i < 10'000; ++i) succeed(1ms);
  for (int i = 0; i < 4; ++i) {  // 1 + 2 + 4 + 8 of the 16 that can be saved up
    EXPECT_TRUE(health_.spend_hedge()) << i;
    health_.hedge_ended(HedgeResult::kLost);
  }
  EXPECT_FALSE(health_.spend_hedge());
  for (int i = 0; i < 10'000; ++i) succeed(1ms);
  EXPECT_TRUE(health_.spend_hedge()) << "the price has an upper bound";
  health_.hedge_ended(HedgeResult::kWon);
  for (int i = 0; i < 20; ++i) succeed(1ms);
  EXPECT_TRUE(health_.spend_hedge()) << "after one that won it is one again";
}

}  // namespace
}  // namespace cachey::origin
