#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

/// Stores that are silent: how long a client waits, and what the silence costs.
class ObjectReadSilence : public ObjectReadTest {
 protected:
  ObjectReadSilence() { origin_.put("c", "o", {.size = kSize}); }

  Got get_within(const ReadLimits& limits, const std::vector<std::string>& buckets,
                 const RequestConfig& config = {}) {
    const ReadContext context{origin_, three_, gate_, read_metrics_, limits};
    ReadTerms terms(buckets, three_.rank(buckets), "o", ByteRange{0, kPageBytes}, config);
    return world_.run(read_in(context, std::move(terms)));
  }
  [[nodiscard]] int failures(const std::string& bucket) const {
    const auto view = three_.view(bucket);
    return view ? view->consecutive_failures : 0;
  }
  [[nodiscard]] std::string buckets_asked() const {
    std::string buckets;
    for (const FakeOrigin::Asked& asked : origin_.asked()) buckets += asked.bucket;
    return buckets;
  }
  /// Opens the breaker of the first bucket.
  void break_first() {
    for (int i = 0; i < BucketHealth::kBreakerFailures; ++i) {
      three_.failed("a", "bad-" + std::to_string(i), Error(ErrorKind::kUpstream, "500"));
    }
  }
  /// Reads from the first bucket, then the second, whatever the rank is.
  Got get_in_order(const std::string& key) {
    BucketOrder order;
    order.add(0);
    order.add(1);
    const std::vector<std::string> names = {"a", "b"};
    const ReadContext context{origin_, three_, gate_, read_metrics_};
    return world_.run(read_in(context, {names, order, key, ByteRange{0, kPageBytes}, {}}));
  }
  /// So that no rescue is paid for.
  void use_up_rescues() {
    while (three_.spend_rescue("a")) {
    }
  }

  static constexpr ReadLimits kDefaults{};
  const FakeOrigin::Behaviour hangs_{.head_delay = 1h};
  const FakeOrigin::Behaviour stops_{.stall_after = 100'000, .stall_time = 1h};
  const FakeOrigin::Behaviour no_body_{.stall_after = 0, .stall_time = 1h};
  Buckets three_{0.99, world_.clock(), metrics_, HedgeBudget::kShare, 3};
};

TEST_F(ObjectReadSilence, ASilentFirstBucketCostsASecondAtAColdStart) {
  for (const FakeOrigin::Behaviour& silent : {hangs_, no_body_, stops_}) {
    origin_.behave("a", silent);
    origin_.behave("b", {.head_delay = 30ms});
    const std::vector<std::string> names = {"a", "b"};
    const Got got = get(names);
    EXPECT_FALSE(got.error);
    EXPECT_TRUE(got.right);
    EXPECT_EQ(got.bytes, kSize);
    EXPECT_LT(got.took, 1200ms);
    EXPECT_EQ(buckets_.view("a")->consecutive_failures, 1);
    world_.pass(1min);  // the key's failure is forgotten
    buckets_.answered("a", "o", 30ms);
  }
}

TEST_F(ObjectReadSilence, TwoOfThreeSilentBucketsCostTwoSeconds) {
  for (const FakeOrigin::Behaviour& silent : {hangs_, stops_}) {
    origin_.behave("a", silent);
    origin_.behave("b", silent);
    const Got got = get_within(kDefaults, {"a", "b", "c"});
    EXPECT_FALSE(got.error);
    EXPECT_TRUE(got.right);
    EXPECT_LT(got.took, 2500ms);
  }
}

TEST_F(ObjectReadSilence, ABucketIsLeftAfterItsTimeThoughNoRescueIsPaidFor) {
  use_up_rescues();
  three_.answered("a", "x", 30ms);  // proven, with a budget of its own
  use_up_rescues();
  origin_.behave("a", hangs_);
  const Got got = get_within({.bucket_timeout = 700ms}, {"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 1u);
  EXPECT_GE(got.took, 700ms);
  EXPECT_LT(got.took, 1000ms);
  EXPECT_EQ(failures("a"), 1);
}

TEST_F(ObjectReadSilence, ABodyIsLeftAfterItsBucketsTime) {
  origin_.behave("a", stops_);
  const Got got = get_within({.bucket_timeout = 300ms}, {"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  EXPECT_GE(got.took, 300ms);
  EXPECT_LT(got.took, 500ms);
  EXPECT_EQ(failures("a"), 1);
  EXPECT_EQ(origin_.asked().back().range.begin, 100'000u);
}

/// The time of the read is shared by its buckets, so that each has a turn.
TEST_F(ObjectReadSilence, TheThirdBucketHasATurnInAShortTime) {
  for (const FakeOrigin::Behaviour& silent : {hangs_, no_body_}) {
    origin_.behave("a", silent);
    origin_.behave("b", silent);
    origin_.behave("c", {.head_delay = 120ms});
    const Got got = get_within({.download_timeout = 500ms}, {"a", "b", "c"});
    EXPECT_FALSE(got.error);
    EXPECT_EQ(got.bytes, kSize);
    EXPECT_LT(got.took, 520ms);
  }
}

/// Buckets that sent their heads and no bytes have had their turn: the last one is not left for
/// them.
TEST_F(ObjectReadSilence, TheLastBucketIsNotLeftForThoseThatWereSilent) {
  origin_.put("d", "o", {.size = kSize});
  Buckets four(0.99, world_.clock(), metrics_, HedgeBudget::kShare, 4);
  const ReadLimits limits{.bucket_timeout = 400ms, .download_timeout = 2000ms};
  const ReadContext context{origin_, four, gate_, read_metrics_, limits};
  for (const FakeOrigin::Behaviour& silent : {hangs_, no_body_, stops_}) {
    for (const std::vector<std::string>& names :
         {std::vector<std::string>{"a", "c"}, {"a", "b", "c"}, {"a", "b", "d", "c"}}) {
      for (const std::string& name : names) origin_.behave(name, silent);
      origin_.behave("c", {.head_delay = 500ms});
      ReadTerms terms(names, {}, "o", ByteRange{0, kPageBytes}, {});
      for (size_t i = 0; i < names.size(); ++i) terms.order.add(i);
      const Got got = world_.run(read_in(context, std::move(terms)));
      EXPECT_FALSE(got.error) << names.size() << " " << got.took.count();
      EXPECT_TRUE(got.right);
      EXPECT_LE(got.took, 400ms * names.size() + 200ms);
    }
  }
}

/// Neither the first bucket nor a second one that brought no head is asked again before the last.
TEST_F(ObjectReadSilence, ASilentHeadIsRememberedWhenABodyIsSilent) {
  origin_.put("d", "o", {.size = kSize});
  Buckets four(0.99, world_.clock(), metrics_, HedgeBudget::kShare, 4);
  const ReadLimits limits{.bucket_timeout = 400ms, .download_timeout = 2000ms};
  const ReadContext context{origin_, four, gate_, read_metrics_, limits};
  origin_.behave("a", hangs_);
  origin_.behave("b", hangs_);
  origin_.behave("c", no_body_);
  origin_.behave("d", {.head_delay = 500ms});
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  ReadTerms terms(names, four.rank(names), "o", ByteRange{0, kPageBytes}, {});
  const Got got = world_.run(read_in(context, std::move(terms)));
  EXPECT_FALSE(got.error);
  EXPECT_LT(got.took, 1'800ms);
  EXPECT_EQ(buckets_asked(), "abcd");
}

TEST_F(ObjectReadSilence, NothingAtAllIsATimeout) {
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{"a"}, {"a", "b"}, {"a", "b", "c"}}) {
    origin_.behave(hangs_);
    const Got got = get_within(kDefaults, names);
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kTimeout);
    EXPECT_GE(got.took, 10s);
    EXPECT_LT(got.took, 10'100ms);
    world_.pass(20ms);
    EXPECT_EQ(world_.worker().tasks().size(), 0u);
  }
}

TEST_F(ObjectReadSilence, ABodyThatStopsEverywhereIsATimeout) {
  origin_.behave_by([this](const GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    return number == 0 ? stops_ : no_body_;
  });
  const Got got = get_within(kDefaults, {"a", "b"});
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kTimeout);
  EXPECT_EQ(got.bytes, 100'000u);
  EXPECT_LT(got.took, 10'200ms);
}

TEST_F(ObjectReadSilence, AStoreThatIsSlowAndMovesIsServedHoweverLongThatTakes) {
  origin_.put("a", "o", {.size = 2 * kMiB});
  origin_.behave("a", {.head_delay = 4s, .read_delay = 900ms, .read_bytes = 64 * kKiB});
  const Got got = get_within(kDefaults, {"a"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bytes, 2 * kMiB);
  EXPECT_GT(got.took, 30s);
}

/// A body is not dropped for another one that has no bytes either.
TEST_F(ObjectReadSilence, BodiesThatBeginLateAreServedWithinTheTime) {
  origin_.behave({.head_delay = 10ms, .stall_after = 0, .stall_time = 8s});
  const std::vector<std::vector<std::string>> lists = {{"a"}, {"a", "b"}, {"a", "b", "c"}};
  for (const bool known : {false, true}) {
    for (const std::vector<std::string>& names : lists) {
      const Got got = get_within(kDefaults, names);
      EXPECT_FALSE(got.error) << names.size();
      EXPECT_TRUE(got.right);
      EXPECT_EQ(got.bytes, kSize);
      EXPECT_LT(got.took, 9s);
    }
    if (known) continue;
    for (const char* const name : {"a", "b", "c"}) {
      for (int i = 0; i < 40; ++i) three_.answered(name, "o", 10ms);
    }
  }
}

TEST_F(ObjectReadSilence, ZeroIsNoLimit) {
  origin_.behave({.head_delay = 25s});
  const Got got = get_within({.bucket_timeout = 0ms, .download_timeout = 0ms}, {"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_LT(got.took, 26s);
}

TEST_F(ObjectReadSilence, AnAnswerThatIsRetriedIsNoSilence) {
  origin_.behave("a",
                 {.head_delay = 9s, .backoff = 2s, .error = Error(ErrorKind::kUpstream, "500")});
  const Got got = get_within(kDefaults, {"a"});
  EXPECT_EQ(got.error->kind(), ErrorKind::kUpstream);
  EXPECT_GT(got.took, 11s);
}

TEST_F(ObjectReadSilence, ALongerLimitOfAClientIsCut) {
  origin_.behave("a", hangs_);
  RequestConfig config;
  config.first_byte_timeout = 30s;
  config.operation_timeout = 60s;
  const Got got = get_within(kDefaults, {"a"}, config);
  EXPECT_EQ(got.error->kind(), ErrorKind::kTimeout);
  EXPECT_LT(got.took, 10'100ms);
  EXPECT_EQ(failures("a"), 1) << "the server's limit, not the client's";
}

TEST_F(ObjectReadSilence, TheEndThatOneBucketToldIsToldWhenTheOtherHasHadItsTime) {
  origin_.behave("a", {.error = Error::range_not_satisfiable(17)});
  origin_.behave("b", hangs_);
  const Got got = get_within(kDefaults, {"a", "b"});
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->object_size(), 17u);
  EXPECT_LT(got.took, 5100ms);
}

/// The first fails while its hedge waits at a bucket that hangs: the third is asked.
TEST_F(ObjectReadSilence, AHedgeThatIsLeftAloneIsRescued) {
  for (int i = 0; i < 40; ++i) three_.answered("a", "o", 30ms);
  origin_.behave("a", {.head_delay = 500ms, .error = Error(ErrorKind::kUpstream, "500")});
  origin_.behave("b", hangs_);
  const Got got = get_within(kDefaults, {"a", "b", "c"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 2u);
  EXPECT_LT(got.took, 2200ms);
  EXPECT_EQ(buckets_asked(), "abc");
}

TEST_F(ObjectReadSilence, AHedgeNeverTriesAgain) {
  for (int i = 0; i < 40; ++i) three_.answered("a", "o", 30ms);
  origin_.behave("a", {.head_delay = 300ms});
  origin_.behave("b", {.error = Error(ErrorKind::kThrottled, "503")});
  RequestConfig config;
  config.attempts_max = 3;
  EXPECT_FALSE(get_within(kDefaults, {"a", "b"}, config).error);
  const auto requests = origin_.asked();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].config.attempts_max, 3u);
  EXPECT_EQ(requests[1].config.attempts_max, 1u);
}

/// A hedge fails where the bucket would have tried again: the bucket still has its turn.
TEST_F(ObjectReadSilence, ABucketWhoseHedgeFailedIsAskedWhenTheFirstFails) {
  for (int i = 0; i < 40; ++i) three_.answered("a", "o", 30ms);
  origin_.behave("a", {.head_delay = 300ms, .error = Error(ErrorKind::kUpstream, "500")});
  origin_.behave_by([](const GetRequest& request, size_t number) -> FakeOrigin::Behaviour {
    if (number == 1) return {.error = Error(ErrorKind::kThrottled, "503")};
    if (request.bucket == "b") return {};
    return {.head_delay = 300ms, .error = Error(ErrorKind::kUpstream, "500")};
  });
  const Got got = get_within(kDefaults, {"a", "b"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(buckets_asked(), "abb");
}

/// The probe of a bucket that was down goes to the other one when that would be late.
TEST_F(ObjectReadSilence, AProbeThatHangsHardlyDelaysItsClient) {
  for (int i = 0; i < 40; ++i) three_.answered("b", "o", 30ms);
  break_first();
  origin_.behave("a", hangs_);
  world_.pass(35s);
  const Got got = get_in_order("o");
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 1u);
  EXPECT_LT(got.took, 100ms);
  EXPECT_EQ(failures("a"), 1);
}

/// Otherwise a client with a request a second would ask the bucket each time.
TEST_F(ObjectReadSilence, ProbesThatHangOpenTheBreakerAgain) {
  for (int i = 0; i < 40; ++i) three_.answered("b", "o", 30ms);
  break_first();
  origin_.behave("a", hangs_);
  world_.pass(35s);
  for (int i = 0; i < 20; ++i) {
    const std::string key = "o-" + std::to_string(i);
    origin_.put("b", key, {.size = 100});
    EXPECT_FALSE(get_in_order(key).error);
    world_.pass(500ms);
  }
  EXPECT_TRUE(three_.is_down("a"));
}

TEST_F(ObjectReadSilence, AProbeIsAwaitedAsLongAsItsOwnBucketUsuallyTakes) {
  for (int i = 0; i < 40; ++i) three_.answered("a", "o", 150ms);
  for (int i = 0; i < 40; ++i) three_.answered("b", "o", 30ms);
  break_first();
  origin_.behave("a", {.head_delay = 150ms});
  world_.pass(35s);
  const Got got = get_in_order("o");
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 0u);
  EXPECT_EQ(buckets_asked(), "a");
  EXPECT_EQ(failures("a"), 0);
}

TEST_F(ObjectReadSilence, ASecondRequestGoesToTheNextBucketIfOneIsFull) {
  for (int i = 0; i < 40; ++i) three_.answered("a", "o", 30ms);
  Gate narrow(GateLimits{.requests = 1}, world_.clock(), metrics_);
  const std::optional<Gate::Pass> taken = narrow.try_enter({"b", "", {}});
  ASSERT_TRUE(taken);
  origin_.behave("a", hangs_);
  const std::vector<std::string> names = {"a", "b", "c"};
  const ReadContext context{origin_, three_, narrow, read_metrics_};
  const Got got =
      world_.run(read_in(context, {names, three_.rank(names), "o", ByteRange{0, kPageBytes}, {}}));
  EXPECT_EQ(got.bucket, 2u);
  EXPECT_EQ(buckets_asked(), "ac");
}

}  // namespace
}  // namespace cachey::origin
