#include "origin/s3/retry.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(limits.backoff_max, std::chrono::hours(24));
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

TEST(RetryTokens, AreSharedByThreads) {
  RetryTokens tokens;
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (tokens.take(5)) ++taken;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 100);
}

}  // namespace
}  // namespace cachey::origin
