#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

TEST_F(ObjectReadTest, OneAnswerIsOneRequest) {
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(ObjectReadTest, TheSecondBucketIsAskedWhereTheFirstFails) {
  origin_.behave("a", {.error = Error(ErrorKind::kTimeout, "late")});
  const Got got = get({"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 1u);
  EXPECT_EQ(asked(), 2u);
}

TEST_F(ObjectReadTest, PastTheEndIsSaidIfBothSaySo) {
  origin_.behave({.error = Error::range_not_satisfiable(kSize)});
  EXPECT_EQ(get({"a", "b"}).error->kind(), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(asked(), 2u);
}

TEST_F(ObjectReadTest, TheSecondTurnIsInsideTheTimeLimit) {
  origin_.behave("a", {.head_delay = 400ms, .error = Error(ErrorKind::kTimeout, "late")});
  RequestConfig config;
  config.operation_timeout = 900ms;
  EXPECT_FALSE(get({"a", "b"}, config).error);
  const auto requests = origin_.asked();
  EXPECT_EQ(requests[0].config.operation_timeout, 600ms) << "a third is kept for the second";
  EXPECT_LE(*requests[1].config.operation_timeout, 500ms);
  EXPECT_GE(*requests[1].config.operation_timeout, 450ms);
}

TEST_F(ObjectReadTest, ABucketThatIsFullDoesNotKeepARequestFromTheOther) {
  Gate narrow(GateLimits{.requests = 1}, world_.clock(), metrics_);
  const ReadContext context{origin_, buckets_, narrow, read_metrics_};
  const std::vector<std::string> names = {"a", "b"};
  std::optional<Gate::Pass> taken = narrow.try_enter({"a", "", {}});
  ASSERT_TRUE(taken);
  for (const bool limited : {false, true}) {
    RequestConfig config;
    if (limited) config.operation_timeout = 3000ms;
    ReadTerms terms(names, buckets_.rank(names), "o", ByteRange{0, kPageBytes}, config);
    const auto read = [&]() -> rt::Task<size_t> {
      ObjectRead read(context, world_.worker(), std::move(terms));
      const Result<void> opened = co_await read.open();
      co_return opened ? read.bucket() : 99;
    };
    const MonoTime began = world_.clock().mono();
    EXPECT_EQ(world_.run(read()), 1u);
    EXPECT_LT(world_.clock().mono() - began, limited ? 1000ms : 4000ms);
  }
}

TEST_F(ObjectReadTest, ABucketWhoseBreakerIsOpenIsNotAskedIfThereIsAnother) {
  origin_.behave("a", {.error = Error(ErrorKind::kUpstream, "500")});
  fail_keys("a", 5);
  const size_t before = asked();
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(get({"a", "b"}).error);
  EXPECT_EQ(asked(), before + 50) << "b alone";
}

TEST_F(ObjectReadTest, AnObjectThatFailsAgainAndAgainIsAskedForOnceASecond) {
  origin_.behave("a", {.error = Error(ErrorKind::kUpstream, "500")});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get().error->kind(), ErrorKind::kUpstream);
  EXPECT_EQ(get().error->kind(), ErrorKind::kThrottled);
  for (int second = 0; second < 10; ++second) {
    world_.pass(1010ms);
    for (int i = 0; i < 100; ++i) (void)get();
  }
  EXPECT_EQ(asked(), 15u);
  origin_.behave("a", {});
  world_.pass(1010ms);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(get().error);
}

TEST_F(ObjectReadTest, AnAnswerThatCannotBeUsedSaysNothingOfTheBucket) {
  origin_.behave("a", {.error = Error(ErrorKind::kUpstream, "the Range was ignored",
                                      ErrorCause::kUnusableAnswer)});
  fail_keys("a", 20);
  EXPECT_FALSE(buckets_.view("a"));
}

TEST_F(ObjectReadTest, WhatHappensUnderAClientsOwnAddressingSaysNothingOfTheBucket) {
  origin_.own_addressing(PathStyle::kYes);
  origin_.behave("a", {.error = Error(ErrorKind::kUpstream, "refused")});
  RequestConfig config;
  config.path_style = false;
  fail_keys("a", 20, config);
  EXPECT_FALSE(buckets_.view("a"));
  config.path_style = true;
  fail_keys("a", 5, config);
  EXPECT_EQ(buckets_.view("a")->consecutive_failures, 5);
}

TEST_F(ObjectReadTest, FiftyMissingKeysOpenNoBreaker) {
  origin_.behave("a", {.error = Error(ErrorKind::kNotFound, "no such key")});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get().error->kind(), ErrorKind::kNotFound);
  EXPECT_EQ(asked(), 50u);
}

TEST_F(ObjectReadTest, WhatTheStoreRefusesOpensNoBreakerAndIsWorthAnotherBucket) {
  origin_.behave("a", {.error = Error(ErrorKind::kRefused, "400 InvalidRequest")});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get().error->kind(), ErrorKind::kRefused);
  EXPECT_FALSE(get({"a", "b"}).error);
}

TEST_F(ObjectReadTest, TimeoutsUnderAClientsOwnLimitSayNothingOfTheBucket) {
  origin_.behave("a", {.error = Error(ErrorKind::kTimeout, "late")});
  for (auto limit : {&RequestConfig::connect_timeout, &RequestConfig::first_byte_timeout,
                     &RequestConfig::attempt_timeout, &RequestConfig::operation_timeout}) {
    RequestConfig config;
    config.*limit = 20'000ms;
    fail_keys("a", 20, config);
  }
  EXPECT_FALSE(buckets_.view("a"));
  fail_keys("a", 5);
  EXPECT_TRUE(buckets_.is_down("a")) << "timeouts under the server's limits do";
}

TEST_F(ObjectReadTest, ABodyThatBreaksOffGoesOnAtTheNextByte) {
  origin_.behave_by([](const GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour;
    if (number < 3) behaviour.cut_after = 70'000;
    return behaviour;
  });
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  const auto requests = origin_.asked();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[3].range.begin, 210'000u);
  EXPECT_EQ(origin_.bytes_sent(), kSize);
}

TEST_F(ObjectReadTest, ABodyThatBreaksOffGoesOnThoughTheBucketIsShed) {
  origin_.behave("a", {.error = Error(ErrorKind::kUpstream, "500")});
  for (int window = 0; window < 6; ++window) {
    fail_keys("a", 5);
    world_.pass(2100ms);
  }
  origin_.behave_by(
      [](const GetRequest&, size_t) { return FakeOrigin::Behaviour{.cut_after = 70'000}; });
  int begun = 0;
  for (int i = 0; i < 40; ++i) {
    const Got got = get();
    if (got.bytes == 0) continue;
    ++begun;
    EXPECT_FALSE(got.error);
    EXPECT_EQ(got.bytes, kSize);
  }
  EXPECT_GT(begun, 0);
}

TEST_F(ObjectReadTest, TheOtherBucketTakesOverWhereOneBringsNothing) {
  origin_.behave("a", {.cut_after = 0});
  const Got got = get({"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
}

TEST_F(ObjectReadTest, ABodyIsNotTakenUpAgainForEver) {
  origin_.behave({.cut_after = 0});
  EXPECT_EQ(get().error->kind(), ErrorKind::kUpstream);
  EXPECT_LE(asked(), 3u);
}

TEST_F(ObjectReadTest, BodiesThatBringNextToNothingAreNotTakenUpForEver) {
  origin_.behave({.cut_after = 1000});
  const Got got = get();
  EXPECT_EQ(got.error->kind(), ErrorKind::kUpstream);
  EXPECT_EQ(got.bytes, 3000u);
  EXPECT_TRUE(got.right);
}

TEST_F(ObjectReadTest, OneAttemptIsOneRequest) {
  origin_.behave({.cut_after = 70'000});
  RequestConfig config;
  config.attempts_max = 1;
  const Got got = get({"a"}, config);
  EXPECT_TRUE(got.opened);
  EXPECT_EQ(got.error->kind(), ErrorKind::kUpstream);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(ObjectReadTest, OneAttemptIsOneBodyOfEachBucket) {
  origin_.behave("a", {.cut_after = 70'000});
  RequestConfig config;
  config.attempts_max = 1;
  const Got got = get({"a", "b"}, config);
  EXPECT_FALSE(got.error) << got.error->message();
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  ASSERT_EQ(asked(), 2u);
  EXPECT_EQ(origin_.asked().at(1).bucket, "b");
  EXPECT_EQ(origin_.asked().at(1).range.begin, 70'000u);
}

TEST_F(ObjectReadTest, OneAttemptEndsWhenBothBucketsBodiesBreakOff) {
  origin_.behave({.cut_after = 70'000});
  RequestConfig config;
  config.attempts_max = 1;
  EXPECT_EQ(get({"a", "b"}, config).error->kind(), ErrorKind::kUpstream);
  EXPECT_EQ(asked(), 2u);
}

TEST_F(ObjectReadTest, ADamagedBodyIsNotContinuedOnceSomeOfItWasDelivered) {
  origin_.behave_by([](const GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.read_bytes = 100'000, .damaged = number == 0};
  });
  const Got got = get({"a", "b"});
  EXPECT_EQ(got.error->kind(), ErrorKind::kDamaged);
  EXPECT_LT(got.bytes, kSize);
  EXPECT_EQ(asked(), 1u) << "what has been delivered cannot be taken back";
}

TEST_F(ObjectReadTest, ADamagedBodyOfWhichNothingWasDeliveredIsFetchedAgain) {
  origin_.put("a", "o", {.size = 1000});
  origin_.behave_by([](const GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.damaged = number == 0};
  });
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(origin_.asked().at(1).range.begin, 0u);
}

TEST_F(ObjectReadTest, DamageSpeaksAgainstTheStore) {
  origin_.behave("a", {.damaged = true});
  EXPECT_EQ(get().error->kind(), ErrorKind::kDamaged);
  EXPECT_EQ(buckets_.view("a")->consecutive_failures, 1);
}

TEST_F(ObjectReadTest, AnotherVersionDoesNotContinueABody) {
  origin_.behave_by([this](const GetRequest&, size_t number) {
    if (number == 0) return FakeOrigin::Behaviour{.cut_after = 70'000};
    origin_.put("a", "o", {.size = kSize, .seed = 2, .etag = "\"v2\""});
    return FakeOrigin::Behaviour{};
  });
  const Got got = get();
  EXPECT_EQ(got.error->kind(), ErrorKind::kChanged);
  EXPECT_EQ(got.bytes, 70'000u);
  EXPECT_TRUE(got.right);
}

TEST_F(ObjectReadTest, WhateverStoresDoEveryByteIsRightAndComesOnce) {
  learn();
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&random](int percent) { return int(random() % 100) < percent; };
    origin_.behave_by([&](const GetRequest& request, size_t) {
      FakeOrigin::Behaviour behaviour{.head_delay = 20ms, .read_bytes = 1 + random() % 50'000};
      if (chance(20)) behaviour.cut_after = random() % (request.range.size() + 1);
      if (chance(20)) behaviour.stall_after = random() % (request.range.size() + 1);
      if (chance(20)) behaviour.head_delay = 700ms;
      if (chance(20)) behaviour.error = Error(ErrorKind::kUpstream, "500");
      behaviour.stall_time = std::chrono::milliseconds(random() % 3000);
      return behaviour;
    });
    const Got got = get({"a", "b"});
    EXPECT_TRUE(got.right) << "seed " << seed;
    if (got.error) {
      EXPECT_THAT((std::array{ErrorKind::kUpstream, ErrorKind::kThrottled}),
                  ::testing::Contains(got.error->kind()));
    }
    world_.pass(5000ms);
    ASSERT_EQ(world_.worker().tasks().size(), 0u) << "seed " << seed;
  }
}

TEST_F(ObjectReadTest, ABodyIsContinuedWithTheServersBackoffs) {
  origin_.behave_by([](const GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    if (number == 0) return {.cut_after = 100'000};
    return {};
  });
  RequestConfig patient;
  patient.backoff_initial = 60s;
  patient.backoff_max = 60s;
  const Got got = get({"a"}, patient);
  EXPECT_FALSE(got.error);
  const std::vector<FakeOrigin::Asked> all = origin_.asked();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].config.backoff_initial, 60s);
  EXPECT_EQ(all[1].config.backoff_initial, std::nullopt);
  EXPECT_EQ(all[1].config.backoff_max, std::nullopt);
}

}  // namespace
}  // namespace cachey::origin
