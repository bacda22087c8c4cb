#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "api/s3/testing/endpoint_world.h"

// The endpoint while the store fails: what is known is served, at once and for a bounded time.

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using World = EndpointWorld;

void fail(World& world, ErrorKind kind = ErrorKind::kUpstream) {
  origin::FakeOrigin::Behaviour behaviour;
  behaviour.error = Error(kind, "down");
  world.origin().behave(behaviour);
}

void mend(World& world) { world.origin().behave(origin::FakeOrigin::Behaviour{}); }

bool is_out(World& world) { return world.metrics().contains("cachey_s3api_buckets_out 1"); }

std::string word_of(RecordingWriter answer) { return answer.fields["X-Cache"]; }

TEST(Outage, AfterAFewFailuresOneRequestASecondAsks) {
  World world;
  (void)world.ask();
  world.pass(6s);
  fail(world);
  (void)world.asked();
  for (int i = 0; i < Outages::kFailuresMin; ++i) {
    EXPECT_EQ(word_of(world.ask()), "STALE");
    EXPECT_NE(world.asked(), "");
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(word_of(world.ask()), "STALE");
  EXPECT_EQ(world.asked(), "");
  world.pass(Outages::kAskEvery);
  EXPECT_EQ(word_of(world.ask()), "STALE");
  EXPECT_NE(world.asked(), "");
  EXPECT_EQ(word_of(world.ask()), "STALE");
  EXPECT_EQ(world.asked(), "");
  mend(world);
  world.pass(Outages::kAskEvery);
  EXPECT_EQ(word_of(world.ask()), "REVALIDATED");
  EXPECT_EQ(world.asked(), "H");
  EXPECT_EQ(word_of(world.ask()), "HIT");
}

TEST(Outage, AStoreThatHangsIsWaitedForShortlyAndConfirmsLate) {
  World world;
  (void)world.ask();
  world.pass(6s);
  world.origin().behave({.head_delay = 1500ms});
  const MonoTime began = world.now();
  EXPECT_EQ(word_of(world.ask()), "STALE");
  EXPECT_GE(world.now() - began, Outages::kPatience);
  EXPECT_LT(world.now() - began, Outages::kPatience + 100ms);
  world.pass(1s);  // the answer has come
  (void)world.asked();
  EXPECT_EQ(word_of(world.ask()), "HIT");
  EXPECT_EQ(world.asked(), "");
}

/// A store that is slower than the wait for it answers, and so is not out.
TEST(Outage, LateAnswersEndIt) {
  World world;
  const auto target = [](int i) { return "/bkt/o" + std::to_string(i); };
  constexpr int kObjects = 4 * Outages::kFailuresMin;
  for (int i = 0; i < kObjects; ++i) {
    world.origin().put("bkt", "o" + std::to_string(i), {.size = World::kObjectBytes});
    (void)world.ask({}, net::Method::kGet, target(i));
  }
  world.pass(6s);
  world.origin().behave({.head_delay = 1500ms});
  int asked = 0;
  for (int i = 0; i < kObjects; ++i) {
    (void)world.asked();
    EXPECT_EQ(word_of(world.ask({}, net::Method::kGet, target(i))), "STALE");
    asked += world.asked().empty() ? 0 : 1;
  }
  EXPECT_GE(asked, kObjects - 1) << "the bucket counts as out";
  world.pass(1s);
  EXPECT_FALSE(is_out(world));
}

TEST(Outage, AStoreThatNeverAnswersIsOutAllTheTime) {
  World world;
  (void)world.ask();
  world.pass(6s);
  world.origin().behave({.head_delay = 1h});
  for (int i = 0; i < Outages::kFailuresMin; ++i) EXPECT_EQ(word_of(world.ask()), "STALE");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(word_of(world.ask()), "STALE");
    EXPECT_TRUE(is_out(world));
    world.pass(500ms);
  }
  mend(world);
  world.pass(Outages::kAskEvery);
  EXPECT_EQ(word_of(world.ask()), "STALE") << "joins the question that hangs";
  world.pass(15s);
  EXPECT_EQ(word_of(world.ask()), "REVALIDATED");
  EXPECT_FALSE(is_out(world));
}

TEST(Outage, StaleAnswersEndWithTheirTime) {
  for (const auto& [policy, time] : {std::pair("5", 65s), std::pair("always", 60s)}) {
    World world(policy);
    (void)world.ask();
    fail(world);
    world.pass(time - 5s);
    EXPECT_EQ(world.ask().status, 200u);
    world.pass(6s);
    EXPECT_EQ(world.ask().status, 500u);
    mend(world);
    EXPECT_EQ(world.ask().status, 200u);
  }
}

TEST(Outage, OldNewsRefusesNothingAndNoneIsForAClientThatRevalidates) {
  World world;
  (void)world.ask();
  world.pass(6s);
  fail(world);
  for (const net::Field& field :
       {net::Field{"if-match", "\"other\""}, net::Field{"range", "bytes=5000-"},
        net::Field{"cache-control", "no-cache"}}) {
    EXPECT_EQ(world.ask({field}).status, 500u) << field.name;
  }
}

/// One object that the store cannot tell of, asked for again and again, makes no others stale.
TEST(Outage, FailuresOfRequestsThatCannotBeStaleDoNotCount) {
  World world;
  (void)world.ask();
  world.pass(6s);
  fail(world);
  for (int i = 0; i < Outages::kFailuresMin; ++i)
    EXPECT_EQ(world.ask({{"cache-control", "no-cache"}}).status, 500u);
  (void)world.asked();
  EXPECT_EQ(word_of(world.ask()), "STALE");
  EXPECT_NE(world.asked(), "");
}

TEST(Outage, ARefusalOfTheStoreIsNoOutage) {
  World world;
  (void)world.ask();
  world.pass(6s);
  fail(world, ErrorKind::kDenied);
  for (int i = 0; i < 2 * Outages::kFailuresMin; ++i) {
    EXPECT_EQ(world.ask().status, 403u);
    EXPECT_NE(world.asked(), "");
  }
}

}  // namespace
}  // namespace cachey::api::s3
