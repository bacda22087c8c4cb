#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST_F(ObjectReadTest, ALateAnswerIsAskedForAgainAndTheFirstToSucceedWins) {
  learn();
  origin_.behave_by([this](const GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.head_delay = number == learnt_ ? 1000ms : 30ms};
  });
  const Got got = get();
  EXPECT_TRUE(got.right);
  EXPECT_TRUE(got.hedged);
  EXPECT_LT(got.took, 150ms);
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(read_metrics_.hedges.won.total(), 1);
}

TEST_F(ObjectReadTest, AHedgeThatLosesIsCancelled) {
  learn();
  origin_.behave_by([this](const GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.head_delay = number == learnt_ ? 120ms : 10'000ms};
  });
  const Got got = get();
  EXPECT_TRUE(got.right);
  EXPECT_FALSE(got.hedged);
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(read_metrics_.hedges.won.total(), 0);
  world_.pass(20ms);
  EXPECT_EQ(world_.worker().tasks().size(), 0u) << "the loser is still there";
}

TEST_F(ObjectReadTest, WhereOneOfTwoFailsTheOtherIsAwaited) {
  learn();
  origin_.behave_by([this](const GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour{.head_delay = 200ms};
    if (number == learnt_) behaviour.error = Error(ErrorKind::kUpstream, "reset");
    return behaviour;
  });
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.hedged);
}

TEST_F(ObjectReadTest, ThatAnObjectIsMissingIsFinalAtOnce) {
  learn();
  origin_.behave_by([this](const GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour{.head_delay = number == learnt_ ? 5000ms : 30ms};
    behaviour.error = Error(ErrorKind::kNotFound, "no such key");
    return behaviour;
  });
  const Got got = get();
  EXPECT_EQ(got.error->kind(), ErrorKind::kNotFound);
  EXPECT_LT(got.took, 200ms);
}

TEST_F(ObjectReadTest, AHedgeHasNoMoreTimeThanIsLeft) {
  learn();
  origin_.behave({.head_delay = 900ms});
  RequestConfig config;
  config.operation_timeout = 1000ms;
  EXPECT_FALSE(get({"a"}, config).error);
  const auto requests = origin_.asked();
  ASSERT_EQ(asked(), 2u);
  EXPECT_EQ(requests[learnt_].config.operation_timeout, 1000ms);
  EXPECT_LE(*requests[learnt_ + 1].config.operation_timeout, 980ms);
}

TEST_F(ObjectReadTest, NoHedgeIsSentWhenTheTimeIsUp) {
  learn();
  origin_.behave({.head_delay = 900ms});
  RequestConfig config;
  config.operation_timeout = 10ms;
  (void)get({"a"}, config);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(ObjectReadTest, AHedgeUsesANewConnection) {
  learn();
  std::vector<bool> fresh;
  origin_.behave_by([&fresh](const GetRequest& request, size_t) {
    fresh.push_back(request.fresh_connection);
    return FakeOrigin::Behaviour{.head_delay = 900ms};
  });
  EXPECT_FALSE(get().error);
  EXPECT_THAT(fresh, ElementsAre(false, true));
}

TEST_F(ObjectReadTest, WithoutDataThereIsNoHedge) {
  origin_.behave({.head_delay = 2500ms});
  EXPECT_FALSE(get().error);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(ObjectReadTest, AStoreThatHasBecomeSlowIsNotAskedTwice) {
  learn(500, 20ms);
  origin_.behave({.head_delay = 400ms});
  for (int i = 0; i < 200; ++i) ASSERT_FALSE(get().error);
  EXPECT_LE(asked(), 205u);
}

TEST_F(ObjectReadTest, ABodyThatStopsIsContinuedByASecondRequestFromTheNextByte) {
  learn();
  origin_.behave_by([this](const GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour{.head_delay = 10ms};
    if (number == learnt_) {
      behaviour.stall_after = 100'000;
      behaviour.stall_time = 5000ms;
    }
    return behaviour;
  });
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_TRUE(got.hedged);
  EXPECT_LT(got.took, 250ms);
  const auto requests = origin_.asked();
  EXPECT_EQ(requests.back().range.begin, 100'000u);
  EXPECT_EQ(requests.back().if_match, "\"v1\"");
  EXPECT_EQ(origin_.bytes_sent(), (100 + 1) * kSize) << "no byte was sent twice";
}

TEST_F(ObjectReadTest, ASlowBodyThatKeepsComingIsLeftAlone) {
  learn();
  origin_.behave({.read_delay = 60ms, .read_bytes = 5000});
  const Got got = get();
  EXPECT_FALSE(got.error);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(ObjectReadTest, ABodyThatWasStoppedForOneThatDoesNotFitGoesOnHoweverFewTriesThereAre) {
  const FakeOrigin::Object object{.size = kSize, .etag = ""};
  origin_.put("a", "o", object);
  learn();
  origin_.behave_by([&](const GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour{.head_delay = 10ms};
    FakeOrigin::Object now = object;
    if (number == learnt_) {
      behaviour.stall_after = 100'000;
      behaviour.stall_time = 5000ms;
    }
    if (number == learnt_ + 1) ++now.last_modified;
    origin_.put("a", "o", now);
    return behaviour;
  });
  RequestConfig config;
  config.attempts_max = 1;
  const Got got = get({"a"}, config);
  EXPECT_FALSE(got.error) << got.error->message();
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
}

}  // namespace
}  // namespace cachey::origin
