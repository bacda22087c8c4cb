#include "origin/read/hedge_race.h"

#include <gtest/gtest.h>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class HedgeRaceTest : public ObjectReadTest {
 protected:
  PendingGetPtr send(std::chrono::milliseconds head_delay) {
    origin_.behave({.head_delay = head_delay, .read_delay = 20ms});
    GetRequest request;
    request.bucket = "a";
    request.key = "o";
    request.range = ByteRange{0, kSize};
    std::optional<Gate::Pass> pass = gate_.try_enter({"a", "", {}});
    PendingGetPtr get =
        PendingGet::send(world_.worker(), origin_, request, std::move(*pass), wakeup_);
    world_.worker().io().poll();  // the origin gets the request before the next behave()
    return get;
  }

  rt::Wakeup wakeup_{world_.worker()};
};

TEST_F(HedgeRaceTest, TheFirstToBeAnsweredIsReportedAndTheOtherRemains) {
  HedgeRace race(world_.worker(), wakeup_, 0, send(500ms));
  race.second = send(100ms);
  EXPECT_EQ(world_.run(race.next_event()), HedgeRace::Event::kSecond);
  EXPECT_TRUE(race.take(HedgeRace::Event::kSecond)->answered());
  EXPECT_EQ(race.remaining(), race.first.get());
  EXPECT_EQ(world_.run(race.next_event()), HedgeRace::Event::kFirst);
  (void)race.take(HedgeRace::Event::kFirst);
  EXPECT_EQ(race.remaining(), nullptr);
}

TEST_F(HedgeRaceTest, TheLookIsDueAtItsTimeUnlessAnAnswerIsThere) {
  HedgeRace race(world_.worker(), wakeup_, 0, send(200ms));
  race.look_at = world_.clock().mono() + 100ms;
  EXPECT_EQ(world_.run(race.next_event()), HedgeRace::Event::kLookDue);
  EXPECT_GE(world_.clock().mono(), *race.look_at);
  world_.pass(200ms);
  EXPECT_EQ(world_.run(race.next_event()), HedgeRace::Event::kFirst);
}

TEST_F(HedgeRaceTest, OnceItsBodyIsReadTheFirstIsReportedAtTheBodysEnd) {
  HedgeRace race(world_.worker(), wakeup_, 0, send(10ms));
  EXPECT_EQ(world_.run(race.next_event()), HedgeRace::Event::kFirst);
  CheckedSink sink(1, 0);
  race.first->read_body(sink);
  EXPECT_EQ(world_.run(race.next_event()), HedgeRace::Event::kFirst);
  EXPECT_TRUE(race.first->body_end());
  EXPECT_EQ(sink.bytes, kSize);
}

}  // namespace
}  // namespace cachey::origin
