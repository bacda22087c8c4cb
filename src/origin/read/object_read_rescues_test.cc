#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

/// Requests that hang and bodies that trickle.
class ObjectReadRescues : public ObjectReadTest {
 protected:
  /// Until the price of hedges is at its maximum and the budget is empty.
  void lose_hedges() {
    for (int i = 0; i < 500; ++i) buckets_.answered("a", "o", 30ms);
    origin_.behave({.head_delay = 900ms});
    for (int i = 0; i < 5; ++i) ASSERT_FALSE(get().error);
    ASSERT_FALSE(buckets_.spend_hedge("a"));
    ASSERT_LT(*buckets_.patience("a").late, 150ms);
    learnt_ = origin_.asked().size();
  }
  /// The requests with these numbers, from the learnt ones on, behave so; the others are quick.
  void behave(std::vector<size_t> numbers, const FakeOrigin::Behaviour& behaviour) {
    origin_.behave_by([=, this](const GetRequest&, size_t number) {
      const bool named = std::ranges::find(numbers, number - learnt_) != numbers.end();
      return named ? behaviour : FakeOrigin::Behaviour{.head_delay = 10ms};
    });
  }
  /// Bucket by bucket, from the learnt ones on.
  [[nodiscard]] std::string buckets_asked() const {
    std::string buckets;
    const auto requests = origin_.asked();
    for (size_t i = learnt_; i < requests.size(); ++i) buckets += requests[i].bucket;
    return buckets;
  }

  static constexpr ReadLimits kNoLimits{std::chrono::milliseconds(0), std::chrono::milliseconds(0)};
  const FakeOrigin::Behaviour hangs_{.head_delay = 1h};
  const FakeOrigin::Behaviour stops_{.stall_after = 100'000, .stall_time = 1h};
  const FakeOrigin::Behaviour trickles_{.read_delay = 50ms, .read_bytes = 1};
};

TEST_F(ObjectReadRescues, ARequestThatHangsIsRescuedHoweverManyHedgesWereLost) {
  lose_hedges();
  behave({0}, hangs_);
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.hedged);
  EXPECT_LT(got.took, 1600ms);
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(read_metrics_.rescues.won.total(), 1);
}

TEST_F(ObjectReadRescues, ABodyThatHangsIsRescuedHoweverManyHedgesWereLost) {
  lose_hedges();
  behave({0}, stops_);
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_LT(got.took, 1600ms);
  EXPECT_EQ(origin_.asked().back().range.begin, 100'000u);
}

TEST_F(ObjectReadRescues, WithoutKnownLatenciesAHangLastsThreeSeconds) {
  behave({0}, hangs_);
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_GE(got.took, 3000ms);
  EXPECT_LT(got.took, 3200ms);
}

TEST_F(ObjectReadRescues, ARescueThatHangsIsFollowedByAnother) {
  learn();
  behave({0, 1, 2, 3}, hangs_);
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_LT(got.took, 5s);
  EXPECT_EQ(asked(), 5u) << "one hedge, three rescues";
  world_.pass(20ms);
  EXPECT_EQ(world_.worker().tasks().size(), 0u);
}

/// Each failure is late enough for a rescue; no chain of rescues follows.
TEST_F(ObjectReadRescues, ABucketThatFailsLateIsNotAskedForEver) {
  origin_.behave({.head_delay = 4s, .error = Error(ErrorKind::kUpstream, "500")});
  EXPECT_EQ(get().error->kind(), ErrorKind::kUpstream);
  EXPECT_LE(asked(), 3u);
  EXPECT_EQ(get({"a", "b"}).error->kind(), ErrorKind::kUpstream);
  EXPECT_LE(asked(), 9u);
}

TEST_F(ObjectReadRescues, ASlowAnswerIsNotGivenUpForItsRescues) {
  origin_.behave({.head_delay = 10s});
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_FALSE(got.hedged);
  EXPECT_LT(got.took, 10'200ms);
}

TEST_F(ObjectReadRescues, TheRescueGoesToTheOtherBucketAndTheSilentOneIsBlamed) {
  learn();
  for (int i = 0; i < 5; ++i) {
    origin_.put("a", "silent-" + std::to_string(i), {.size = kSize});
    origin_.put("b", "silent-" + std::to_string(i), {.size = kSize});
  }
  origin_.behave("b", {});
  origin_.behave("a", hangs_);
  while (buckets_.spend_hedge("a")) {
  }
  for (int i = 0; i < 5; ++i) {
    const std::vector<std::string> names = {"a", "b"};
    RequestConfig config;
    config.first_byte_timeout = 20'000ms;
    ReadTerms terms(names, buckets_.rank(names), "silent-" + std::to_string(i),
                    ByteRange{0, kPageBytes}, config);
    const Got got = world_.run(read(std::move(terms)));
    EXPECT_FALSE(got.error);
    EXPECT_TRUE(got.right);
    EXPECT_EQ(got.bucket, 1u);
    EXPECT_LT(got.took, i < 2 ? 1200ms : 100ms);
  }
  EXPECT_EQ(buckets_asked(), "ababbbb") << "the second silence puts b first";
  EXPECT_EQ(buckets_.view("a")->consecutive_failures, 2) << "whatever the client's limits are";
}

TEST_F(ObjectReadRescues, AHedgeGoesToTheOtherBucketToo) {
  learn();
  origin_.behave("a", {.head_delay = 800ms});
  origin_.behave("b", {});
  const Got got = get({"a", "b"});
  EXPECT_EQ(got.bucket, 1u);
  EXPECT_LT(got.took, 150ms);
  EXPECT_EQ(buckets_asked(), "ab");
  EXPECT_FALSE(buckets_.is_down("a"));
}

TEST_F(ObjectReadRescues, ThatTheOtherBucketFailsDoesNotEndTheFirstRequest) {
  learn();
  origin_.behave("a", {.head_delay = 800ms});
  origin_.behave("b", {.error = Error(ErrorKind::kNotFound, "no such key")});
  const Got got = get({"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 0u);
  EXPECT_EQ(buckets_asked(), "ab");
}

TEST_F(ObjectReadRescues, ABucketThatFailedAsTheSecondIsNotAskedAgain) {
  learn();
  const Error missing(ErrorKind::kNotFound, "no such key");
  origin_.behave("a", {.head_delay = 800ms, .error = Error(ErrorKind::kUpstream, "500")});
  origin_.behave("b", {.error = missing});
  EXPECT_EQ(get({"a", "b"}).error->kind(), ErrorKind::kUpstream);
  origin_.behave("a", {.head_delay = 800ms, .error = missing});
  EXPECT_EQ(get({"a", "b"}).error->kind(), ErrorKind::kNotFound);
  EXPECT_EQ(buckets_asked(), "abab");
}

TEST_F(ObjectReadRescues, ThatTheFirstBucketHasNotTheObjectDoesNotEndTheOthersRequest) {
  learn();
  origin_.behave("a", {.head_delay = 200ms, .error = Error(ErrorKind::kNotFound, "no such key")});
  origin_.behave("b", {.head_delay = 300ms});
  const Got got = get({"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 1u);
  EXPECT_EQ(buckets_asked(), "ab");
}

TEST_F(ObjectReadRescues, TheBudgetIsSixteenAndOneASecond) {
  learn();
  context_.limits = kNoLimits;
  origin_.behave(hangs_);
  RequestConfig config;
  std::vector<std::shared_ptr<std::optional<Got>>> reads;
  const std::vector<std::string> names = {"a"};
  for (int i = 0; i < 40; ++i) {
    reads.push_back(world_.start(
        read(ReadTerms(names, buckets_.rank(names), "o", ByteRange{0, kPageBytes}, config))));
  }
  world_.pass(1500ms);
  EXPECT_NEAR(static_cast<double>(read_metrics_.rescues.issued.total()), 17, 1);
  const auto before = static_cast<double>(read_metrics_.rescues.issued.total());
  world_.pass(10s);
  EXPECT_NEAR(static_cast<double>(read_metrics_.rescues.issued.total()), before + 10, 1);
  EXPECT_GT(read_metrics_.rescues.denied.total(), 0u);
  world_.pass(2h);
}

TEST_F(ObjectReadRescues, ABucketThatHangsIsLeftByAllItsRequestsWithinSeconds) {
  for (const FakeOrigin::Behaviour& behaviour : {hangs_, stops_}) {
    origin_.behave("a", behaviour);
    origin_.behave("b", {.head_delay = 10ms});
    const std::vector<std::string> names = {"a", "b"};
    BucketOrder order;
    order.count = 2;
    order.index[1] = 1;
    std::vector<std::shared_ptr<std::optional<Got>>> reads;
    for (int i = 0; i < 90; ++i) {
      reads.push_back(
          world_.start(read(ReadTerms(names, order, "o", ByteRange{0, kPageBytes}, {}))));
    }
    world_.pass(6s);
    for (const auto& got : reads) {
      ASSERT_TRUE(got->has_value());
      EXPECT_TRUE((*got)->right);
    }
  }
  EXPECT_LE(read_metrics_.rescues.issued.total(), 200u) << "hardly more than one rescue each";
}

TEST_F(ObjectReadRescues, ABodyThatTricklesIsRescued) {
  behave({0}, trickles_);
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  EXPECT_LT(got.took, 4s);
  EXPECT_EQ(asked(), 2u);
}

/// The rescue has to bring again what trickled in meanwhile, and breaks off before that is done.
TEST_F(ObjectReadRescues, NoByteIsDeliveredTwiceIfARescueBreaksOffEarly) {
  origin_.behave_by([](const GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    if (number == 0) return {.read_delay = 50ms, .read_bytes = 1};
    if (number == 1) return {.head_delay = 2s, .cut_after = 10};
    return {.head_delay = 10ms};
  });
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  const auto requests = origin_.asked();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_GT(requests[2].range.begin, requests[1].range.begin + 30) << "2 s at 20 bytes a second";
}

TEST_F(ObjectReadRescues, ATrickleWithHedgesAndTwoBucketsIsRescuedByTheOther) {
  learn();
  origin_.behave("a", trickles_);
  origin_.behave("b", {.head_delay = 300ms});
  const Got got = get({"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  EXPECT_LT(got.took, 4s);
  EXPECT_EQ(buckets_asked(), "ab");
}

TEST_F(ObjectReadRescues, AStoreThatIsSlowForEverybodyIsServedAtItsRate) {
  origin_.put("a", "o", {.size = 4 * kMiB});
  origin_.behave({.read_delay = 100ms, .read_bytes = 5000});
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, 4 * kMiB);
  EXPECT_LE(asked(), 6u) << "the windows double";
  EXPECT_FALSE(buckets_.is_down("a"));
}

TEST_F(ObjectReadRescues, AStoreThatBeginsItsBodiesLateIsServed) {
  context_.limits = kNoLimits;
  for (const auto late : {4s, 8s, 13s, 25s}) {
    learnt_ = origin_.asked().size();
    origin_.behave({.head_delay = 10ms, .stall_after = 0, .stall_time = late});
    const Got got = get();
    EXPECT_FALSE(got.error) << late.count();
    EXPECT_TRUE(got.right);
    EXPECT_LT(got.took, 2 * late + 3s) << "each take-over waits from the beginning";
    EXPECT_LE(asked(), 4u);
  }
}

TEST_F(ObjectReadRescues, ATrickleThatNothingRescuesFailsInTheEnd) {
  origin_.behave(trickles_);
  const Got got = get();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(got.right);
  EXPECT_LT(got.took, 5min);
}

}  // namespace
}  // namespace cachey::origin
