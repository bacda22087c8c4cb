// Looks: what the store has now, by HeadObject, for all that ask.

#include "cache/object_look.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "cache/testing/virtual_cache.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::Ask;
using origin::FakeOrigin;

/// Looks and fills on one worker with a manual clock.
class Looks : public ::testing::Test, protected VirtualCache {
 protected:
  explicit Looks(uint64_t heads_bytes_max = kMiB)
      : VirtualCache(
            {.fills = FillConfig{.heads_bytes_max = heads_bytes_max, .negative_ttl = 10s}}) {}
  using Seen = Result<ObjectSourcePtr>;
  using Outcome = std::shared_ptr<std::optional<Seen>>;

  ~Looks() override { settle(); }

  [[nodiscard]] FetchSpecPtr spec(std::vector<std::string> buckets = {"b"}) {
    return VirtualCache::spec("o", std::move(buckets));
  }
  void put(const std::string& tag, uint64_t size = 100, const std::string& bucket = "b") {
    origin_.put(bucket, "o", {.size = size, .etag = tag});
  }
  [[nodiscard]] Outcome look(MonoTime not_before, std::stop_token stop = {}) {
    rt::Until until(MonoTime::max(), std::move(stop));
    return world_.start(
        look_at(cache_, world_.worker(), spec(), not_before, std::move(until), std::nullopt));
  }
  [[nodiscard]] Outcome look() { return look(now()); }
  [[nodiscard]] Seen look_to_end(std::vector<std::string> buckets = {"b"},
                                 std::optional<uint64_t> wanted = {}) {
    return world_.run(look_at(cache_, world_.worker(), spec(std::move(buckets)), now(),
                              rt::Until(MonoTime::max()), wanted));
  }
  /// Reads byte `offset`, so that its page is in memory.
  [[nodiscard]] std::optional<ErrorKind> fill(uint64_t offset = 0,
                                              std::vector<std::string> buckets = {"b"}) {
    const Result<void> done = world_.run(open(spec(std::move(buckets)), {offset, offset + 1}));
    world_.pass(1s);
    return done ? std::nullopt : std::optional(done.error().kind());
  }
  [[nodiscard]] bool has_page(uint32_t index = 0) {
    return cache_.table().find(key_, index) != nullptr;
  }
  [[nodiscard]] std::string known_tag() {
    const std::optional<Head> head = cache_.heads().find(key_, key_.hash());
    return head && head->source != nullptr ? head->source->info.etag : "none";
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size(); }
  [[nodiscard]] MonoTime now() { return world_.clock().mono(); }

  const KeyView key_{"k", "o"};
};

TEST_F(Looks, AtAnotherBucketAreNotJoinedIfOnlyTheOwnOneWillDo) {
  put("\"b\"");
  put("\"c\"", 100, "c");
  origin_.behave({.head_delay = 100ms});
  const auto at = [this](FetchSpecPtr of) {
    return world_.start(
        look_at(cache_, world_.worker(), std::move(of), now(), rt::Until(MonoTime::max())));
  };
  const Outcome other = at(spec({"c"}));
  const auto own = std::make_shared<FetchSpec>(*spec());
  own->wishes.own_buckets = true;
  const Outcome seen = at(own);
  world_.pass(1s);
  ASSERT_TRUE(other->has_value() && **other && seen->has_value() && **seen);
  EXPECT_EQ((**other).value()->info.etag, "\"c\"");
  EXPECT_EQ((**seen).value()->info.etag, "\"b\"");
  EXPECT_EQ(asked(), 2u);
}

TEST_F(Looks, TellTheVersionAndReadNoByte) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, 40 * kMiB}) {
    put("\"v" + std::to_string(size) + "\"", size);
    const Seen seen = look_to_end();
    ASSERT_TRUE(seen) << seen.error().message();
    EXPECT_EQ((*seen)->info.size, size);
    EXPECT_EQ((*seen)->bucket, "b");
  }
  for (const FakeOrigin::Asked& one : origin_.asked()) EXPECT_EQ(one.ask, Ask::kHead);
  EXPECT_EQ(origin_.bytes_sent(), 0u);
  world_.pass(1s);
  EXPECT_EQ(memory_.admitted_bytes(), 0u);
  EXPECT_EQ(cache_.table().objects(), 0u);
}

TEST_F(Looks, OneForAllWhoCameBeforeItWasSent) {
  put("\"v1\"");
  origin_.behave({.head_delay = 100ms});
  std::vector<Outcome> all;
  for (int i = 0; i < 1000; ++i) all.push_back(look());
  world_.pass(200ms);
  for (const Outcome& one : all) ASSERT_TRUE(one->has_value() && (*one)->has_value());
  EXPECT_EQ(asked(), 1u);
}

TEST_F(Looks, WhoComesLaterGetsTheNextOneAndThereIsOneAtATime) {
  put("\"v1\"");
  origin_.behave({.head_delay = 100ms});
  const Outcome first = look();
  std::vector<Outcome> later;
  world_.pass(40ms);
  for (int i = 0; i < 50; ++i) later.push_back(look());
  const Outcome undemanding = look(MonoTime{});
  EXPECT_EQ(asked(), 1u);
  put("\"v2\"");  // the first question was sent before, and is answered after
  world_.pass(80ms);
  ASSERT_TRUE(first->has_value() && undemanding->has_value());
  EXPECT_EQ((**undemanding)->get(), (**first)->get());
  EXPECT_EQ(asked(), 2u);
  world_.pass(120ms);
  for (const Outcome& one : later) {
    ASSERT_TRUE(one->has_value());
    EXPECT_EQ((**one).value()->info.etag, "\"v2\"");
  }
  EXPECT_EQ(asked(), 2u);
}

TEST_F(Looks, ANewVersionDropsTheOldPages) {
  put("\"v1\"");
  EXPECT_FALSE(fill());
  EXPECT_TRUE(look_to_end());
  EXPECT_TRUE(has_page());
  put("\"v2\"");
  EXPECT_EQ((*look_to_end())->info.etag, "\"v2\"");
  EXPECT_FALSE(has_page());
  EXPECT_EQ(known_tag(), "\"v2\"");
}

TEST_F(Looks, AnAbsenceDropsThePages) {
  put("\"v1\"");
  EXPECT_FALSE(fill());
  EXPECT_EQ(known_tag(), "\"v1\"");
  origin_.behave({.error = Error(ErrorKind::kNotFound, "404")});
  EXPECT_EQ(look_to_end().error().kind(), ErrorKind::kNotFound);
  EXPECT_FALSE(has_page());
  EXPECT_EQ(known_tag(), "none");
  origin_.behave(FakeOrigin::Behaviour{});
  EXPECT_EQ(fill(), ErrorKind::kNotFound) << "--negative-ttl";
  EXPECT_TRUE(look_to_end()) << "a look asks the store";
  EXPECT_FALSE(fill()) << "the look has seen the object";
  EXPECT_TRUE(has_page());
}

class LooksWithoutHeads : public Looks {
 protected:
  LooksWithoutHeads() : Looks(0) {}
};

TEST_F(LooksWithoutHeads, AnAbsenceDropsNoPage) {
  put("\"v1\"");
  EXPECT_FALSE(fill());
  origin_.behave({.error = Error(ErrorKind::kNotFound, "404", ErrorCause::kNoSuchKey)});
  EXPECT_EQ(look_to_end().error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(has_page());
}

TEST_F(Looks, WhoWantsToKnowWhyTakesNoAbsenceThatSaysNothing) {
  origin_.behave({.head_delay = 100ms});
  const Outcome first = look();
  auto curious = std::make_shared<FetchSpec>(*spec());
  curious->explain_absence = true;
  const Outcome second = world_.start(look_at(cache_, world_.worker(), FetchSpecPtr(curious), now(),
                                              rt::Until(MonoTime::max()), std::nullopt));
  world_.pass(300ms);
  ASSERT_TRUE(first->has_value());
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second).error().kind(), ErrorKind::kNotFound);
  ASSERT_EQ(asked(), 2u);
  EXPECT_TRUE(origin_.asked().back().explain_absence);
}

TEST_F(Looks, AskWhyThereIsNoObjectIfTheCacheKnowsOne) {
  (void)look_to_end();
  EXPECT_FALSE(origin_.asked().back().explain_absence) << "a HEAD of a missing name is one request";
  put("\"v1\"");
  EXPECT_TRUE(look_to_end());
  EXPECT_FALSE(origin_.asked().back().explain_absence);
  EXPECT_TRUE(look_to_end());
  EXPECT_TRUE(origin_.asked().back().explain_absence) << "a head is known";
  EXPECT_FALSE(fill());
  EXPECT_FALSE(origin_.asked().back().explain_absence) << "a GET explains itself";
  cache_.heads().drop(key_, key_.hash(), *cache_.heads().find(key_, key_.hash())->source);
  EXPECT_TRUE(look_to_end());
  EXPECT_TRUE(origin_.asked().back().explain_absence) << "a page is known";
}

TEST_F(Looks, AFillThatFindsNoObjectDropsTheOtherPages) {
  put("\"v1\"", 3 * kPageBytes);
  EXPECT_FALSE(fill(0));
  EXPECT_FALSE(fill(kPageBytes));
  origin_.behave({.error = Error(ErrorKind::kNotFound, "404", ErrorCause::kNoSuchKey)});
  EXPECT_EQ(fill(2 * kPageBytes), ErrorKind::kNotFound);
  for (const uint32_t index : {0U, 1U, 2U}) EXPECT_FALSE(has_page(index)) << index;
  EXPECT_EQ(known_tag(), "none");
}

TEST_F(Looks, OtherFailuresDropNothing) {
  put("\"v1\"");
  EXPECT_FALSE(fill());
  const Error failures[] = {
      {ErrorKind::kDenied, "403"},
      {ErrorKind::kUpstream, "500"},
      {ErrorKind::kThrottled, "503"},
      {ErrorKind::kTimeout, "late"},
      {ErrorKind::kNotFound, "404", ErrorCause::kNoSuchBucket},
      {ErrorKind::kNotFound, "404", ErrorCause::kUnusableAnswer},
      {ErrorKind::kRefused, "404", ErrorCause::kUnknownAccessKey},
  };
  for (const Error& failure : failures) {
    origin_.behave({.error = failure});
    EXPECT_EQ(look_to_end().error().kind(), failure.kind());
    EXPECT_TRUE(has_page()) << failure.message();
    EXPECT_EQ(known_tag(), "\"v1\"");
  }
}

TEST_F(Looks, TheAbsenceInAnotherBucketSaysNothingOfThisOne) {
  put("\"v1\"");
  EXPECT_FALSE(fill());
  EXPECT_EQ(look_to_end({"other"}).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(fill(kPageBytes, {"other"}), ErrorKind::kNotFound);
  EXPECT_TRUE(has_page());
  EXPECT_EQ(known_tag(), "\"v1\"");
}

TEST_F(Looks, TheAbsenceInOneOfTwoBucketsIsNotTheObjects) {
  put("\"v1\"");
  EXPECT_FALSE(fill());
  const Seen seen = look_to_end({"other", "b"});
  ASSERT_TRUE(seen);
  EXPECT_EQ((*seen)->bucket, "b");
  EXPECT_TRUE(has_page());
}

TEST_F(Looks, WhatALaterRequestBroughtOutlivesAnEarlier404) {
  origin_.behave({.head_delay = 500ms, .error = Error(ErrorKind::kNotFound, "404")});
  const Outcome early = look();
  world_.pass(100ms);
  put("\"v1\"");
  origin_.behave(FakeOrigin::Behaviour{});
  EXPECT_FALSE(fill());
  world_.pass(1s);
  ASSERT_TRUE(early->has_value());
  EXPECT_EQ((**early).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(has_page());
  EXPECT_EQ(known_tag(), "\"v1\"");
}

TEST_F(Looks, AClientThatLeavesEndsItsWaitAndTheLastOneTheLook) {
  put("\"v1\"");
  origin_.behave({.head_delay = 60s});
  std::stop_source left;
  const Outcome leaving = look(now(), left.get_token());
  std::stop_source stays;
  const Outcome staying = look(now(), stays.get_token());
  world_.pass(1s);
  left.request_stop();
  world_.pass(rt::TimerWheel::kTick);
  ASSERT_TRUE(leaving->has_value());
  EXPECT_EQ((**leaving).error().kind(), ErrorKind::kCancelled);
  EXPECT_FALSE(staying->has_value());
  world_.pass(3s);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 1);
  stays.request_stop();
  world_.pass(1900ms);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 1) << "the client may come again";
  world_.pass(300ms);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 0);
  EXPECT_EQ(memory_.admitted_bytes(), 0u);
}

TEST_F(Looks, AWaitEndsAtItsDeadline) {
  put("\"v1\"");
  origin_.behave({.head_delay = 60s});
  const auto late = world_.start(
      look_at(cache_, world_.worker(), spec(), now(), rt::Until(now() + 300ms), std::nullopt));
  world_.pass(400ms);
  ASSERT_TRUE(late->has_value());
  EXPECT_EQ((**late).error().kind(), ErrorKind::kTimeout);
}

TEST_F(Looks, ACopyThatIsShorterThanWantedIsTakenIfNoOtherIsLonger) {
  put("\"a\"", 100, "a");
  put("\"b\"", 200, "b");
  EXPECT_EQ((*look_to_end({"a", "b"}))->bucket, "a");
  EXPECT_EQ((*look_to_end({"a", "b"}, 150))->bucket, "b");
  EXPECT_EQ((*look_to_end({"a", "b"}, 200))->info.size, 200u) << "the longest one there is";
  EXPECT_EQ((*look_to_end({"a"}, 150))->info.size, 100u);
}

TEST_F(Looks, WhoWantsMoreThanTheFirstOneAsksTheOtherBucket) {
  put("\"a\"", 100, "a");
  put("\"b\"", 200, "b");
  origin_.behave({.head_delay = 100ms});
  const auto start = [this](uint64_t wanted) {
    return world_.start(look_at(cache_, world_.worker(), spec({"a", "b"}), now(),
                                rt::Until(MonoTime::max()), wanted));
  };
  const Outcome little = start(50);
  const Outcome more = start(150);
  world_.pass(1s);
  EXPECT_EQ((**little).value()->bucket, "a");
  EXPECT_EQ((**more).value()->bucket, "b");
}

}  // namespace
}  // namespace cachey::cache
