#include "origin/s3/retry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

Failure transient() { return {Error(ErrorKind::kUpstream, "x"), Retry::kTransient, {}}; }

TEST(Retry, TheDelayDoublesUpToTheMaximum) {
  const S3Limits limits;
  const int64_t expected[] = {1000, 2000, 4000, 8000, 16'000, 20'000, 20'000};
  for (uint32_t failed = 1; failed <= 7; ++failed) {
    EXPECT_EQ(delay_before_retry(transient(), failed, limits, 1.0).count(), expected[failed - 1]);
    EXPECT_EQ(delay_before_retry(transient(), failed, limits, 0.5).count(),
              expected[failed - 1] / 2);
    EXPECT_EQ(delay_before_retry(transient(), failed, limits, 0.0).count(), 0);
  }
  EXPECT_EQ(delay_before_retry(transient(), UINT32_MAX, limits, 1.0).count(), 20'000);
}

TEST(Retry, TheStoresWishComesFirstUpToTheMaximum) {
  S3Limits limits;
  Failure failure = transient();
  failure.delay = milliseconds(30);
  EXPECT_EQ(delay_before_retry(failure, 1, limits, 1.0).count(), 30);
  failure.delay = milliseconds(60'000);
  EXPECT_EQ(delay_before_retry(failure, 1, limits, 0.0).count(), 20'000);
}

TEST(Retry, TheRequestsLimitsAreLaidOverTheServers) {
  RequestConfig config;
  config.attempts_max = 0;
  config.connect_timeout = milliseconds(7);
  config.backoff_max = milliseconds::max();
  const S3Limits limits = effective_limits(S3Limits(), config);
  EXPECT_EQ(limits.attempts_max, 1u);
  EXPECT_EQ(limits.connect_timeout, milliseconds(7));
  EXPECT_EQ(limits.backoff_max, std::chrono::hours(24)) << "no sum of times overflows";
  EXPECT_EQ(limits.first_byte_timeout, S3Limits().first_byte_timeout);
  EXPECT_EQ(limits.operation_timeout, std::nullopt);
}

TEST(Retry, NoRequestMakesMoreAttemptsThanItsShareUnlessTheServerSaysSo) {
  RequestConfig config;
  config.attempts_max = 4'000'000'000;
  S3Limits limits;
  EXPECT_EQ(effective_limits(limits, config).attempts_max, kRequestAttemptsMax);
  limits.attempts_max = 25;
  EXPECT_EQ(effective_limits(limits, config).attempts_max, 25u);
  EXPECT_EQ(effective_limits(limits, RequestConfig()).attempts_max, 25u);
}

TEST(RetryTokens, SixHundredFailingGetsRetryFiftyTimes) {
  RetryTokens tokens;
  int retries = 0;
  for (int get = 0; get < 600; ++get) {
    for (int attempt = 1; attempt < 3 && tokens.take(retry_cost(Retry::kTransient)); ++attempt)
      ++retries;
  }
  EXPECT_EQ(retries, 50);
  EXPECT_EQ(tokens.left(), 0u);
  for (int i = 0; i < 9; ++i) tokens.give_back(RetryTokens::kFirstAttemptGain);
  EXPECT_FALSE(tokens.take(retry_cost(Retry::kTransient)));
  EXPECT_TRUE(tokens.take(retry_cost(Retry::kThrottling)));
  EXPECT_EQ(tokens.left(), 4u);
}

TEST(RetryTokens, AreNeverMoreThanTheMaximum) {
  RetryTokens tokens;
  tokens.give_back(1);
  EXPECT_EQ(tokens.left(), RetryTokens::kTokensMax);
  ASSERT_TRUE(tokens.take(5));
  tokens.give_back(10);
  EXPECT_EQ(tokens.left(), RetryTokens::kTokensMax);
}

TEST(RetryBudgets, NamesWithoutAGoodAnswerShareOneAccount) {
  RetryBudgets budgets;
  uint32_t made = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "made-up-" + std::to_string(i);
    if (budgets.take({name, 0}, 10)) ++made;
  }
  EXPECT_EQ(made, RetryTokens::kTokensMax / 10);
  budgets.succeeded({"real", 0}, 1);
  EXPECT_TRUE(budgets.take({"real", 0}, 10)) << "a bucket with a good answer has its own account";
  EXPECT_FALSE(budgets.take({"real", 0, true}, 10)) << "not under the client's own addressing";
}

TEST(RetryBudgets, AFewFailingObjectsLeaveRetriesToTheOthers) {
  RetryBudgets budgets;
  budgets.succeeded({"b", 0}, 1);
  for (uint64_t key = 1; key <= 12; ++key) {
    while (budgets.take({"b", key}, 10)) {
    }
  }
  for (uint64_t key = 101; key <= 115; ++key) {
    EXPECT_TRUE(budgets.take({"b", key}, 10)) << "the first retry of " << key;
  }
}

TEST(RetryBudgets, OneObjectTakesATenthOfItsBucketsRetries) {
  RetryBudgets budgets;
  budgets.succeeded({"b", 1}, 1);
  uint32_t bad = 0;
  for (int i = 0; i < 100; ++i) bad += budgets.take({"b", 7}, 10) ? 1 : 0;
  EXPECT_EQ(bad, 4U) << "40 of 500; the next one would make it more than a tenth of what is left";
  EXPECT_TRUE(budgets.take({"b", 8}, 10)) << "other objects have their retries";
  budgets.give_back({"b", 7}, 10);
  EXPECT_TRUE(budgets.take({"b", 7}, 10));
  EXPECT_FALSE(budgets.take({"b", 7}, 10));
  for (int i = 0; i < 60; ++i) budgets.succeeded({"b", 9}, 1);
  EXPECT_TRUE(budgets.take({"b", 7}, 10)) << "the account was full again";
}

TEST(RetryBudgets, AreSharedByThreads) {
  RetryBudgets budgets;
  std::atomic<uint32_t> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) made += budgets.take({"b", 0}, 5) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, RetryTokens::kTokensMax / 5);
}

TEST(Retry, TheTimeToAHeadIsThatOfAllAttemptsAndBackoffs) {
  S3Limits limits;  // 3 attempts of 30 s, backoffs of up to 1 and 2 s
  EXPECT_EQ(time_to_head(limits), milliseconds(93'000));
  limits.attempt_timeout = milliseconds(500);
  EXPECT_EQ(time_to_head(limits), milliseconds(4500));
  limits.operation_timeout = milliseconds(600);
  EXPECT_EQ(time_to_head(limits), milliseconds(600));
  limits.attempts_max = UINT32_MAX;
  EXPECT_EQ(time_to_head(limits), milliseconds(600));
}

TEST(Retry, AGetWithLimitsOfItsOwnEndsWithinTheServersTime) {
  const S3Limits ours;
  RequestConfig config;
  EXPECT_EQ(get_limit(ours, ours, config), std::nullopt);
  config.first_byte_timeout = milliseconds(60'000);
  config.backoff_initial = config.backoff_max = milliseconds(60'000);
  config.attempts_max = 10;
  EXPECT_EQ(get_limit(effective_limits(ours, config), ours, config), time_to_head(ours));
  config.operation_timeout = milliseconds(5);
  EXPECT_EQ(get_limit(effective_limits(ours, config), ours, config), milliseconds(5));
}

TEST(Retry, LimitsShorterThanTheServersAreImpatient) {
  const S3Limits ours;
  EXPECT_FALSE(is_impatient(ours, ours));
  S3Limits own = ours;
  own.first_byte_timeout = milliseconds(29'999);
  EXPECT_TRUE(is_impatient(own, ours));
  own = ours;
  own.connect_timeout = milliseconds(1);
  EXPECT_TRUE(is_impatient(own, ours));
  own = ours;
  own.attempt_timeout = milliseconds(60'000);
  EXPECT_TRUE(is_impatient(own, ours)) << "the server has none";
  S3Limits strict = ours;
  strict.attempt_timeout = milliseconds(1000);
  EXPECT_FALSE(is_impatient(own, strict));
}

}  // namespace
}  // namespace cachey::origin
