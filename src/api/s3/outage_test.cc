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
