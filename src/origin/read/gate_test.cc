#include "origin/read/gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class GateTest : public ::testing::Test {
 protected:
  void limit(const GateLimits& limits) {
    gate_ = std::make_unique<Gate>(limits, world_.clock(), metrics_);
  }

  /// The gate has seen an object of the bucket under the kind.
  void prove(const std::string& kind, const std::string& bucket = "b") {
    const Gate::Request request(bucket, kind, {});
    gate_->try_enter(request)->expect_body_bytes(1);
  }

  /// Sends `times` requests one after another; each takes `takes` and brings `bytes`.
  rt::Task<void> ask(std::string kind, int times, std::chrono::milliseconds takes, uint64_t bytes,
                     Priority priority) {
    for (int i = 0; i < times; ++i) {
      Gate::Request request("b", kind, priority);
      request.audience = audience_;
      const MonoTime deadline = world_.clock().mono() + patience_;
      Result<Gate::Pass> pass = co_await gate_->enter(world_.worker(), request, deadline);
      if (!pass) {
        ++refused_;
        continue;
      }
      ++under_way_;
      most_ = std::max(most_, under_way_);
      pass->expect_body_bytes(bytes);
      co_await world_.worker().timers().sleep(takes);
      --under_way_;
      ++served_[kind];
      bytes_ += bytes;
    }
  }
  void start(const std::string& kind, int times, std::chrono::milliseconds takes,
             uint64_t bytes = 1, const Priority& priority = {}) {
    world_.worker().tasks().spawn(ask(kind, times, takes, bytes, priority));
    world_.pass(0ms);
    world_.worker().io().poll();
  }
  void finish() {
    while (world_.worker().tasks().size() > 0) world_.pass(100ms);
  }

  rt::VirtualWorker world_;
  Metrics metrics_;
  std::unique_ptr<Gate> gate_;
  std::chrono::milliseconds patience_{3'600'000};
  std::map<std::string, int> served_;
  int under_way_ = 0;
  int most_ = 0;
  int refused_ = 0;
  const Audience* audience_ = nullptr;
  uint64_t bytes_ = 0;
};

TEST_F(GateTest, NoMoreThanTheLimitAreUnderWay) {
  limit({.requests = 4});
  for (int i = 0; i < 50; ++i) start("k", 10, 20ms);
  finish();
  EXPECT_EQ(most_, 4);
  EXPECT_EQ(served_["k"], 500);
}

TEST_F(GateTest, WithoutALimitNobodyWaits) {
  limit({.requests = 0});
  for (int i = 0; i < 50; ++i) start("k", 1, 20ms);
  EXPECT_EQ(most_, 50);
  finish();
}

TEST_F(GateTest, TwoKindsGetTheSameHoweverManyAskForEach) {
  limit({.requests = 4});
  for (const char* kind : {"ten", "one"}) prove(kind);
  for (int i = 0; i < 100; ++i) start("ten", 100, 20ms);
  for (int i = 0; i < 10; ++i) start("one", 100, 20ms);
  world_.pass(5s);
  EXPECT_GT(served_["one"], 200);
  EXPECT_NEAR(served_["one"], served_["ten"], 0.1 * served_["ten"]);
  finish();
}

TEST_F(GateTest, SpeculationNeverDelaysDemand) {
  limit({.requests = 8});
  const WantedParts nobody;
  for (int i = 0; i < 50; ++i) start("ahead", 20, 200ms, 1, {&nobody, 1});
  EXPECT_EQ(under_way_, 6) << "a quarter of the room is kept";
  for (int i = 0; i < 2; ++i) start("k", 10, 20ms);
  world_.pass(700ms);
  EXPECT_EQ(served_["k"], 20) << "as if there were no speculation";
  finish();
}

TEST_F(GateTest, SpeculationThatSomebodyWaitsForGoesFirst) {
  limit({.requests = 1});
  WantedParts nobody;
  WantedParts somebody;
  start("k", 1, 1s);
  for (int i = 0; i < 20; ++i) start("ahead", 1, 1s, 1, {&nobody, 1});
  start("wanted", 1, 1s, 1, {&somebody, 4});
  somebody.want(4);
  gate_->promote_wanted();
  world_.pass(2500ms);
  EXPECT_EQ(served_["wanted"], 1);
  EXPECT_EQ(served_["ahead"], 0);
  finish();
}

TEST_F(GateTest, WhoseTurnDoesNotComeInTimeIsRefused) {
  limit({.requests = 1});
  patience_ = 300ms;
  start("k", 1, 10s);
  start("k", 1, 10s);
  world_.pass(280ms);
  EXPECT_EQ(refused_, 0);
  world_.pass(60ms);
  EXPECT_EQ(refused_, 1);
  finish();
  start("k", 1, 10ms);
  EXPECT_EQ(under_way_, 1) << "he who left holds no place";
  finish();
}

class Leaving final : public Audience {
 public:
  [[nodiscard]] bool is_waiting() const override { return waiting; }
  [[nodiscard]] bool has_others() const override { return false; }

  bool waiting = true;
};

TEST_F(GateTest, WhatNobodyWaitsForLeavesTheQueue) {
  limit({.requests = 1});
  start("k", 1, 60s);
  Leaving audience;
  audience_ = &audience;
  start("k", 1, 20ms);
  for (int i = 0; i < 10; ++i) world_.pass(1s);
  EXPECT_EQ(refused_, 0) << "somebody waits";
  audience.waiting = false;
  world_.pass(1s);
  EXPECT_EQ(refused_, 0) << "a client that comes again finds the request";
  world_.pass(Attendance::kGrace);
  EXPECT_EQ(refused_, 1);
  finish();
}

TEST_F(GateTest, ALimitedNumberWaits) {
  limit({.requests = 1});
  for (size_t i = 0; i < Gate::kQueuedMax; ++i) start("k", 1, 1ms);
  const int waited = Gate::kQueuedMax * FairQueue::kShare / (FairQueue::kShare + 1) + 1;
  EXPECT_EQ(refused_, static_cast<int>(Gate::kQueuedMax) - waited - 1);
  finish();
  EXPECT_EQ(served_["k"], waited + 1);
}

TEST_F(GateTest, BytesASecondAreLimitedOnAverage) {
  limit({.requests = 0, .bytes_per_second = 10 * kMiB});
  for (int i = 0; i < 20; ++i) start("k", 20, 20ms, 700 * kKiB);
  world_.pass(20s);
  const double rate = static_cast<double>(bytes_) / 20 / kMiB;
  EXPECT_GT(rate, 8.5);
  EXPECT_LT(rate, 11);
  finish();
}

TEST_F(GateTest, BandwidthIsSharedEvenlyByKinds) {
  limit({.requests = 0, .bytes_per_second = 10 * kMiB});
  for (const char* kind : {"many", "few"}) prove(kind);
  for (int i = 0; i < 40; ++i) start("many", 8, 20ms, kMiB);
  for (int i = 0; i < 4; ++i) start("few", 50, 20ms, kMiB);
  world_.pass(30s);
  EXPECT_GT(served_["few"], 100);
  EXPECT_NEAR(served_["few"], served_["many"], 0.2 * served_["many"]);
  finish();
}

TEST_F(GateTest, WhatNobodyNeedsTakesNoTurnFromAnyone) {
  limit({.requests = 4});
  const Gate::Request request("b", "k", {});
  std::optional<Gate::Pass> first = gate_->try_enter(request);
  std::optional<Gate::Pass> second = gate_->try_enter(request);
  std::optional<Gate::Pass> third = gate_->try_enter(request);
  EXPECT_TRUE(first && second && third);
  EXPECT_FALSE(gate_->try_enter(request)) << "the last quarter is demand's";
  EXPECT_TRUE(gate_->try_enter(Gate::Request("another", "k", {}))) << "each bucket has its own";
}

TEST_F(GateTest, AFreshKindARequestTakesNoTurnsFromOneThatHasObjects) {
  limit({.requests = 4});
  prove("honest");
  patience_ = Gate::kWaitTimeMax;
  for (int i = 0; i < 6; ++i) start("honest", 20, 150ms);
  for (int i = 0; i < 400; ++i) start("fresh" + std::to_string(i), 1, 150ms);
  world_.pass(6s);
  EXPECT_GT(served_["honest"], 70) << "half of 4 / 0.15 s";
  finish();
  EXPECT_EQ(served_["honest"], 120);
}

/// Requests that hang, of buckets that clients made up.
class InventedBuckets : public GateTest {
 protected:
  using Asked = std::shared_ptr<std::optional<Result<Gate::Pass>>>;

  Asked enter(const std::string& bucket) {
    const std::string& name = names_.emplace_back(bucket);
    return world_.start(
        gate_->enter(world_.worker(), Gate::Request(name, "k", {}), world_.clock().mono() + 10s));
  }
  static bool entered(const Asked& asked) { return asked->has_value() && (*asked)->has_value(); }
  void hang(size_t count) {
    for (size_t i = 0; i < count; ++i) hanging_.push_back(enter("new" + std::to_string(i)));
    world_.pass(rt::TimerWheel::kTick);
  }
  void TearDown() override {
    hanging_.clear();
    world_.pass(11s);
    hanging_.clear();
  }

  std::deque<std::string> names_;
  std::vector<Asked> hanging_;
};

TEST_F(InventedBuckets, HaveABoundedNumberOfRequestsUnderWay) {
  limit({.requests = 0});
  prove("k", "prod");
  hang(400);
  EXPECT_EQ(std::ranges::count_if(hanging_, entered), Gate::kUnprovenRequests);
  std::vector<Asked> proven;
  for (int i = 0; i < 100; ++i) proven.push_back(enter("prod"));
  EXPECT_EQ(std::ranges::count_if(proven, entered), 100);
}

TEST_F(InventedBuckets, LeaveRoomForOneThatWasNotAsked) {
  limit({.requests = 0});
  for (int i = 0; i < 300; ++i) hanging_.push_back(enter("hung"));
  EXPECT_TRUE(entered(enter("other")));
}

TEST_F(InventedBuckets, TakeNothingFromDeclaredOnes) {
  limit({.requests = 2});
  const std::string declared = "declared";
  gate_->declare("kind", {&declared, 1});
  EXPECT_TRUE(gate_->is_proven("declared", "kind"));
  EXPECT_FALSE(gate_->is_proven("new0", "kind"));
  EXPECT_FALSE(gate_->is_proven("declared", "new"));
  hang(400);
  EXPECT_TRUE(entered(enter("declared")));
}

TEST_F(InventedBuckets, GetTheirTurnsOneAfterTheOther) {
  limit({.requests = 100});
  hang(Gate::kUnprovenRequests);
  std::vector<Asked> many;
  for (int i = 0; i < 50; ++i) many.push_back(enter("many"));
  const Asked one = enter("one");
  hanging_.pop_back();
  hanging_.pop_back();
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_TRUE(entered(one));
  EXPECT_EQ(std::ranges::count_if(many, entered), 1);
}

TEST_F(InventedBuckets, KeepTheirOwnLimitWhenTheyAreProven) {
  limit({.requests = 2});
  std::vector<Asked> asked;
  for (int i = 0; i < 4; ++i) asked.push_back(enter("b"));
  (**asked[0])->expect_body_bytes(1);
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_EQ(std::ranges::count_if(asked, entered), 2);
}

TEST_F(InventedBuckets, GiveTheirPlacesToOthersWhenTheyAreProven) {
  limit({.requests = 100});
  hang(Gate::kUnprovenRequests);
  const Asked waits = enter("waits");
  EXPECT_FALSE(entered(waits));
  (**hanging_[0])->expect_body_bytes(1);
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_TRUE(entered(waits));
  const Asked more = enter("new0");
  EXPECT_TRUE(entered(more)) << "a proven bucket has its own places";
}

TEST_F(InventedBuckets, AreForgottenWithTheirLastRequest) {
  limit({.requests = 100});
  hang(100);
  EXPECT_EQ(gate_->buckets(), 100);
  hanging_.clear();
  EXPECT_EQ(gate_->buckets(), 0);
  EXPECT_EQ(gate_->names_remembered(), 0);
}

TEST_F(InventedBuckets, OfWhichObjectsCameAreRememberedUpToABound) {
  limit({.requests = 100});
  for (size_t i = 0; i < 2 * Gate::kNamesKept.entries; ++i)
    prove("kind" + std::to_string(i), "new" + std::to_string(i));
  EXPECT_EQ(gate_->names_remembered(), 2 * Gate::kNamesKept.entries);
}

/// Passes that a test holds, parks and ends.
class ParkedPasses : public GateTest {
 protected:
  using Asked = std::shared_ptr<std::optional<Result<Gate::Pass>>>;

  Asked enter(Stage stage, const Priority& priority = {}) {
    const Gate::Request request("b", "k", priority, stage);
    return world_.start(gate_->enter(world_.worker(), request, world_.clock().mono() + 10s));
  }
  static bool entered(const Asked& asked) { return asked->has_value() && (*asked)->has_value(); }
  void TearDown() override { world_.pass(11s); }  // what still waits gives up

  const WantedParts nobody_;  // outlives the requests that wait
};

TEST_F(ParkedPasses, LetFurtherRequestsInAndNoFirstOnes) {
  limit({.requests = 2});
  const Asked one = enter(Stage::kFirst);
  const Asked two = enter(Stage::kFirst);
  ASSERT_TRUE(entered(one) && entered(two));
  const Asked first = enter(Stage::kFirst);
  const Asked further = enter(Stage::kFurther);
  EXPECT_FALSE(entered(first) || entered(further));
  (**one)->park();
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_TRUE(entered(further));
  EXPECT_FALSE(entered(first)) << "two requests are parked or under way";
  (**one)->unpark();  // three are under way now
  further->reset();
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_FALSE(entered(first));
  two->reset();
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_TRUE(entered(first));
}

TEST_F(ParkedPasses, LetFurtherSpeculationInAlthoughFirstDemandWaits) {
  limit({.requests = 4});
  std::vector<Asked> parked;
  for (int i = 0; i < 4; ++i) {
    parked.push_back(enter(Stage::kFirst));
    (**parked.back())->park();
  }
  const Asked demand = enter(Stage::kFirst);
  std::vector<Asked> further;
  for (int i = 0; i < 4; ++i) further.push_back(enter(Stage::kFurther, {&nobody_, 1}));
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_FALSE(entered(demand));
  EXPECT_TRUE(entered(further[2]));
  EXPECT_FALSE(entered(further[3])) << "the last quarter is demand's";
}

TEST_F(ParkedPasses, GiveTheirPlaceBackAtTheirEnd) {
  limit({.requests = 1});
  Asked parked = enter(Stage::kFirst);
  (**parked)->park();
  (**parked)->park();
  const Asked next = enter(Stage::kFirst);
  EXPECT_FALSE(entered(next));
  parked->reset();
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_TRUE(entered(next));
}

TEST_F(ParkedPasses, AreBounded) {
  limit({.requests = 3});
  std::vector<Asked> asked;
  for (int i = 0; i < 10; ++i) {
    asked.push_back(enter(Stage::kFirst));
    if (entered(asked.back())) (**asked.back())->park();
  }
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_EQ(std::ranges::count_if(asked, entered), 3);
}

}  // namespace
}  // namespace cachey::origin
