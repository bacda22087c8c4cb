#include "origin/read/hung_requests.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/units.h"
#include "origin/read/gate.h"
#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class HungRequestsTest : public ::testing::Test {
 protected:
  HungRequestsTest() {
    for (uint64_t i = 0; i < 8; ++i) set_.add(requests_.emplace_back(), this, start_, 10 + i);
  }
  /// The requests that are told to end, by position.
  [[nodiscard]] std::vector<size_t> ended() const {
    std::vector<size_t> found;
    for (size_t i = 0; i < requests_.size(); ++i)
      if (requests_[i].is_ended()) found.push_back(i);
    return found;
  }
  ~HungRequestsTest() override {
    for (HungRequest& request : requests_) set_.remove(request);
  }

  const MonoTime start_{1h};
  std::deque<HungRequest> requests_;
  HungRequests set_;
};

TEST_F(HungRequestsTest, ARequestThatWasOvertakenEndsAtOnce) {
  set_.end_one(10, start_);
  EXPECT_TRUE(ended().empty()) << "10 had begun when it was found hung";
  set_.end_one(11, start_);
  set_.end_one(11, start_);
  EXPECT_EQ(ended(), std::vector<size_t>{0});
  set_.end_one(12, start_);
  EXPECT_EQ(ended(), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(set_.size(), 8u) << "until they are gone";
}

TEST_F(HungRequestsTest, WithoutAnyAnswerTheOldestQuarterIsSpared) {
  set_.end_one(0, start_ + HungRequests::kPatience - 1ms);
  EXPECT_TRUE(ended().empty());
  for (int i = 0; i < 50; ++i) set_.end_one(0, start_ + HungRequests::kPatience);
  EXPECT_EQ(ended(), (std::vector<size_t>{2, 3, 4, 5, 6, 7}));
}

/// Reads of objects that hang, and of others that do not, at a bucket of four turns.
class HungTurns : public ObjectReadTest {
 protected:
  HungTurns() : ObjectReadTest({.requests = 4}) {
    context_.limits = {.bucket_timeout = 0ms, .download_timeout = 0ms};
    origin_.behave_by([](const GetRequest& request, size_t) {
      if (request.key.starts_with("hang")) return FakeOrigin::Behaviour{.head_delay = 30s};
      if (request.key.starts_with("stop"))
        return FakeOrigin::Behaviour{.stall_after = 1000, .stall_time = 30s};
      return FakeOrigin::Behaviour{.head_delay = 10ms};
    });
  }
  rt::Task<void> start_read(std::string key, Got& got, bool& ended) {
    ReadTerms terms(names_, buckets_.rank(names_), key, ByteRange{0, kPageBytes}, {});
    terms.kind = "a";
    got = co_await read(std::move(terms));
    ended = true;
  }
  struct Reading {
    Got got;
    bool ended = false;
  };
  Reading& start(const std::string& key) {
    origin_.put("a", key, {.size = kSize});
    Reading& reading = *readings_.emplace_back(std::make_unique<Reading>());
    world_.worker().tasks().spawn(start_read(key, reading.got, reading.ended));
    world_.pass(0ms);
    return reading;
  }
  /// The bucket is proven, has latencies, and no saved rescues.
  void know_the_bucket() {
    for (int i = 0; i < 20; ++i) start("first-" + std::to_string(i));
    world_.pass(1s);
    ASSERT_TRUE(gate_.is_proven("a", "a"));
    while (buckets_.spend_rescue("a")) {
    }
    while (buckets_.spend_hedge("a")) {
    }
  }
  void finish() {
    while (world_.worker().tasks().size() > 0) world_.pass(1s);
  }

  const std::vector<std::string> names_ = {"a"};
  std::vector<std::unique_ptr<Reading>> readings_;
};

TEST_F(HungTurns, HungRequestsGiveTheirTurnsBackAndAreStillServed) {
  know_the_bucket();
  std::vector<Reading*> hung;
  for (int i = 0; i < 4; ++i) hung.push_back(&start("hang-" + std::to_string(i)));
  Reading& honest = start("honest");
  world_.pass(900ms);
  EXPECT_FALSE(honest.ended) << "a second is the hang limit";
  world_.pass(400ms);
  EXPECT_TRUE(honest.ended);
  EXPECT_FALSE(honest.got.error);
  finish();
  for (const Reading* reading : hung) EXPECT_FALSE(reading->got.error) << "nobody needed the room";
}

TEST_F(HungTurns, TheOldestHungRequestEndsIfTheBucketAnswersOthersAndDemandWaits) {
  know_the_bucket();
  std::vector<Reading*> hung;
  for (int i = 0; i < 7; ++i) hung.push_back(&start("hang-" + std::to_string(i)));
  world_.pass(1200ms);
  EXPECT_FALSE(start("newer").got.error) << "one turn is free";
  world_.pass(1s);
  for (int i = 7; i < 11; ++i) hung.push_back(&start("hang-" + std::to_string(i)));
  world_.pass(500ms);
  ASSERT_TRUE(hung[0]->ended);
  EXPECT_EQ(hung[0]->got.error->kind(), ErrorKind::kTimeout);
  EXPECT_EQ(buckets_.view("a")->consecutive_failures, 0) << "the bucket is well";
  Reading& honest = start("honest");
  world_.pass(1500ms);
  EXPECT_TRUE(honest.ended);
  EXPECT_FALSE(honest.got.error);
  finish();
}

TEST_F(HungTurns, BodiesThatStandStillGiveTheirTurnsBackToo) {
  know_the_bucket();
  for (int i = 0; i < 4; ++i) start("stop-" + std::to_string(i));
  Reading& honest = start("honest");
  world_.pass(1300ms);
  EXPECT_TRUE(honest.ended);
  EXPECT_FALSE(honest.got.error);
  finish();
  for (const auto& reading : readings_) EXPECT_TRUE(reading->got.right);
}

TEST_F(HungTurns, NoMoreAreUnderWayThanTwiceTheTurns) {
  know_the_bucket();
  const size_t before = origin_.asked().size();
  for (int i = 0; i < 30; ++i) start("hang-" + std::to_string(i));
  world_.pass(4500ms);
  EXPECT_EQ(origin_.asked().size() - before, 8u) << "nothing was answered: nothing ends yet";
  world_.pass(3s);
  EXPECT_GT(origin_.asked().size() - before, 8u) << "after HungRequests::kPatience";
  finish();
}

}  // namespace
}  // namespace cachey::origin
