#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

/// Reads with more than two buckets.
class ObjectReadBuckets : public ObjectReadTest {
 protected:
  ObjectReadBuckets() {
    for (const char* bucket : {"c", "d"}) origin_.put(bucket, "o", {.size = kSize});
  }

  Got get_of(const std::vector<std::string>& buckets, ByteRange range = {0, kPageBytes},
             std::optional<uint64_t> wanted = {}, const RequestConfig& config = {}) {
    ReadTerms terms(buckets, three_.rank(buckets), "o", range, config);
    terms.wanted = wanted;
    return world_.run(read_by(std::move(terms)));
  }
  rt::Task<Got> read_by(ReadTerms terms) { return read_in(context3_, std::move(terms)); }
  [[nodiscard]] std::string buckets_asked() const {
    std::string buckets;
    for (const FakeOrigin::Asked& asked : origin_.asked()) buckets += asked.bucket;
    return buckets;
  }
  void fails(const std::string& bucket, ErrorKind kind) {
    origin_.behave(bucket, {.error = Error(kind, "no")});
  }
  void ends_at(const std::string& bucket, std::optional<uint64_t> size) {
    origin_.behave(bucket, {.error = Error::range_not_satisfiable(size)});
  }

  Buckets three_{0.99, world_.clock(), metrics_, HedgeBudget::kShare, 3};
  const ReadContext context3_{origin_, three_, gate_, read_metrics_};
};

TEST_F(ObjectReadBuckets, TheThirdIsAskedIfTwoFail) {
  for (const ErrorKind kind : {ErrorKind::kUpstream, ErrorKind::kNotFound, ErrorKind::kDenied,
                               ErrorKind::kTimeout, ErrorKind::kOverloaded}) {
    const size_t before = asked();
    fails("a", kind);
    fails("b", kind);
    const Got got = get_of({"a", "b", "c"});
    EXPECT_FALSE(got.error);
    EXPECT_EQ(got.bucket, 2u);
    EXPECT_EQ(asked(), before + 3);
  }
}

TEST_F(ObjectReadBuckets, AFourthIsNotAsked) {
  for (const char* bucket : {"a", "b", "c"}) fails(bucket, ErrorKind::kNotFound);
  EXPECT_EQ(get_of({"a", "b", "c", "d"}).error->kind(), ErrorKind::kNotFound);
  EXPECT_EQ(buckets_asked(), "abc");
}

TEST_F(ObjectReadBuckets, OneAPageIsOne) {
  const Buckets one(0.99, world_.clock(), metrics_, HedgeBudget::kShare, 1);
  const std::vector<std::string> names = {"a", "b"};
  EXPECT_EQ(one.rank(names).count, 1u);
}

TEST_F(ObjectReadBuckets, ABodyThatBreaksOffGoesOnInTheNextAndTheThirdBucket) {
  origin_.behave("a", {.cut_after = 100});
  origin_.behave("b", {.cut_after = 50});
  const Got got = get_of({"a", "b", "c"});
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
  EXPECT_EQ(buckets_asked(), "abc");
}

TEST_F(ObjectReadBuckets, OneAttemptIsOneBodyOfEachOfThree) {
  RequestConfig config;
  config.attempts_max = 1;
  origin_.behave({.cut_after = 70'000});
  EXPECT_EQ(get_of({"a", "b", "c"}, {0, kPageBytes}, {}, config).error->kind(),
            ErrorKind::kUpstream);
  EXPECT_EQ(buckets_asked(), "abc");
}

TEST_F(ObjectReadBuckets, PastTheEndOfOneCopyTheNextIsAsked) {
  ends_at("a", 4);
  fails("b", ErrorKind::kNotFound);
  const Got got = get_of({"a", "b", "c"});
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 2u);
  EXPECT_EQ(got.ends, 1u);
}

TEST_F(ObjectReadBuckets, TheLargestToldSizeIsTold) {
  ends_at("a", 17);
  fails("b", ErrorKind::kThrottled);
  ends_at("c", std::nullopt);
  const Got got = get_of({"a", "b", "c"});
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(got.error->object_size(), 17u);
  EXPECT_EQ(buckets_asked(), "abc");
  EXPECT_EQ(got.ends, 2u);
}

TEST_F(ObjectReadBuckets, AnObjectThatEndsBeforeTheWantedByteIsPassedOver) {
  origin_.put("a", "o", {.size = 4});
  const Got got = get_of({"a", "b"}, {0, kPageBytes}, 100);
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 1u);
  EXPECT_EQ(got.bytes, kSize);
}

TEST_F(ObjectReadBuckets, TheLastShortObjectIsTakenUnlessALongerOneWasTold) {
  origin_.put("a", "o", {.size = 4});
  origin_.put("b", "o", {.size = 17});
  const Got longer = get_of({"a", "b"}, {0, kPageBytes}, 100);
  EXPECT_FALSE(longer.error);
  EXPECT_EQ(longer.bytes, 17u);
  const Got shorter = get_of({"b", "a"}, {0, kPageBytes}, 100);
  ASSERT_TRUE(shorter.error);
  EXPECT_EQ(shorter.error->object_size(), 17u);
  EXPECT_EQ(get_of({"a"}, {0, kPageBytes}, 100).bytes, 4u);
}

TEST_F(ObjectReadBuckets, WhoTellsTheEndIsNotKeptWaitingForOneThatIsDown) {
  fails("b", ErrorKind::kUpstream);
  for (int i = 0; i < 5; ++i) {
    const std::vector<std::string> names = {"b"};
    const ReadTerms terms(names, three_.rank(names), "bad-" + std::to_string(i), {0, 1}, {});
    ASSERT_TRUE(world_.run(read_by(terms)).error);
  }
  const size_t before = asked();
  ends_at("a", 17);
  int probes = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(get_of({"a", "b"}).error->object_size(), 17u);
    probes = static_cast<int>(asked() - before) - (i + 1);
  }
  EXPECT_LE(probes, 1);
}

/// Past the end of a copy while nobody waits: a client that comes later asks anew.
TEST_F(ObjectReadBuckets, PastTheEndIsFinalForWhatNobodyWaitsFor) {
  ends_at("a", 17);
  WantedParts nothing;
  const std::vector<std::string> names = {"a", "b"};
  ReadTerms terms(names, three_.rank(names), "o", {0, kPageBytes}, {});
  terms.priority = {&nothing, 1};
  EXPECT_EQ(world_.run(read_by(terms)).error->object_size(), 17u);
  EXPECT_EQ(buckets_asked(), "a");
}

TEST_F(ObjectReadBuckets, AttemptsThatOthersFollowedCountAgainstTheBucket) {
  origin_.behave("a", {.backoff = 500ms, .error = Error(ErrorKind::kUpstream, "500")});
  fails("b", ErrorKind::kNotFound);
  const std::vector<std::string> names = {"a", "b"};
  const auto got = world_.start(read_by({names, three_.rank(names), "o", {0, 100}, {}}));
  world_.pass(200ms);
  EXPECT_FALSE(*got);
  EXPECT_EQ(three_.view("a")->consecutive_failures, 1) << "before the last attempt has failed";
  world_.pass(1s);
  EXPECT_EQ(three_.view("a")->consecutive_failures, 1) << "once a key";
}

TEST_F(ObjectReadBuckets, AnObjectIsShutForItsReadsNotForTheirAttempts) {
  origin_.behave("a", {.backoff = 1ms, .error = Error(ErrorKind::kUpstream, "500")});
  for (uint32_t read = 1; read <= FailedKeys::kFailuresMax; ++read) {
    EXPECT_TRUE(get_of({"a"}).error.has_value());
    EXPECT_EQ(origin_.asked().size(), read);
  }
  EXPECT_TRUE(get_of({"a"}).error.has_value());
  EXPECT_EQ(origin_.asked().size(), FailedKeys::kFailuresMax) << "the object is shut";
}

}  // namespace
}  // namespace cachey::origin
