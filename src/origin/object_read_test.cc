#include "origin/object_read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "base/units.h"
#include "origin/fake_origin.h"
#include "origin/virtual_worker.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A sink that checks each byte, and that none comes twice.
class CheckedSink final : public ByteSink {
 public:
  CheckedSink(uint64_t seed, uint64_t begin) : seed_(seed), next_(begin), buffer_(64 * kKiB) {}

  std::span<std::byte> room(uint64_t) override { return buffer_; }
  void arrived(ByteRange range) override {
    in_order = in_order && range.begin == next_;
    next_ = range.end;
    bytes += range.size();
    for (uint64_t at = range.begin; at < range.end; ++at) {
      right = right && buffer_[at - range.begin] == object_byte(seed_, at);
    }
  }

  uint64_t bytes = 0;
  bool right = true;
  bool in_order = true;

 private:
  const uint64_t seed_;
  uint64_t next_;
  std::vector<std::byte> buffer_;
};

struct Got {
  std::optional<Error> error;
  bool opened = false;
  uint64_t bytes = 0;
  bool right = true;
  bool hedged = false;
  size_t bucket = 0;
  std::chrono::milliseconds took{};
};

class ObjectReadTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kSize = 300'000;

  ObjectReadTest() {
    for (const char* bucket : {"a", "b"}) origin_.put(bucket, "o", {.size = kSize});
  }

  rt::Task<Got> read(ReadTerms terms) {
    Got got;
    const MonoTime began = world_.clock().mono();
    ObjectRead read(context_, world_.worker(), std::move(terms));
    Result<void> done = co_await read.open();
    got.opened = done.has_value();
    if (done) {
      CheckedSink sink(1, read.range().begin);
      done = co_await read.run(sink);
      got.bytes = sink.bytes;
      got.right = sink.right && sink.in_order && (!done || sink.bytes == read.range().size());
    }
    if (!done) got.error = std::move(done.error());
    got.hedged = read.hedged();
    got.bucket = read.bucket();
    got.took = std::chrono::duration_cast<std::chrono::milliseconds>(world_.clock().mono() - began);
    co_return got;
  }

  Got get(const std::vector<std::string>& buckets = {"a"}, RequestConfig config = {},
          std::optional<ObjectInfo> version = {}) {
    return world_.run(read(ReadTerms(buckets, buckets_.rank(buckets), "o", ByteRange{0, kPageBytes},
                                     config, "", std::move(version))));
  }

  /// So that there are latencies to compare with, and hedges to spend.
  void learn(int answers = 100, std::chrono::milliseconds delay = 30ms) {
    origin_.behave({.head_delay = delay});
    for (int i = 0; i < answers; ++i) ASSERT_FALSE(get().error);
    origin_.behave({});
    learnt_ = origin_.asked().size();
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size() - learnt_; }

  VirtualWorker world_;
  Metrics metrics_;
  FakeOrigin origin_;
  Buckets buckets_{0.99, world_.clock(), metrics_};
  Gate gate_{GateLimits{}, world_.clock(), metrics_};
  ReadMetrics read_metrics_{metrics_};
  const ReadContext context_{origin_, buckets_, gate_, read_metrics_};
  size_t learnt_ = 0;
};

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

TEST_F(ObjectReadTest, PastTheEndIsNotAskedElsewhere) {
  origin_.behave("a", {.error = Error::range_not_satisfiable(kSize)});
  EXPECT_EQ(get({"a", "b"}).error->kind(), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(asked(), 1u);
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

TEST_F(ObjectReadTest, ABucketWhoseBreakerIsOpenIsNotAsked) {
  origin_.behave("a", {.error = Error(ErrorKind::kUpstream, "500")});
  for (int i = 0; i < 5; ++i) (void)get();
  EXPECT_EQ(asked(), 5u);
  const Got refused = get();
  EXPECT_EQ(refused.error->kind(), ErrorKind::kThrottled);
  EXPECT_EQ(asked(), 5u);
  EXPECT_FALSE(get({"a", "b"}).error) << "the other is";
}

TEST_F(ObjectReadTest, OneRequestASecondFindsOutWhetherTheStoreIsBack) {
  origin_.behave("a", {.error = Error(ErrorKind::kUpstream, "500")});
  for (int i = 0; i < 5; ++i) (void)get();
  for (int second = 0; second < 60; ++second) {
    world_.pass(1010ms);
    for (int i = 0; i < 100; ++i) (void)get();
  }
  EXPECT_EQ(asked(), 65u);
  origin_.behave("a", {});
  world_.pass(1010ms);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(get().error);
}

TEST_F(ObjectReadTest, FiftyMissingKeysOpenNoBreaker) {
  origin_.behave("a", {.error = Error(ErrorKind::kNotFound, "no such key")});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get().error->kind(), ErrorKind::kNotFound);
  EXPECT_EQ(asked(), 50u);
}

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
  EXPECT_EQ(read_metrics_.hedges_won.total(), 1);
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
  EXPECT_EQ(read_metrics_.hedges_won.total(), 0);
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

TEST_F(ObjectReadTest, WithoutDataThereIsNoHedge) {
  origin_.behave({.head_delay = 5000ms});
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

TEST_F(ObjectReadTest, AVersionThatIsExpectedIsInsistedOn) {
  ObjectInfo other;
  other.etag = "\"v0\"";
  other.size = kSize;
  EXPECT_EQ(get({"a"}, {}, other).error->kind(), ErrorKind::kChanged);
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

}  // namespace
}  // namespace cachey::origin
