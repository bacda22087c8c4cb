#include "origin/read/fair_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>

namespace cachey::origin {
namespace {

class FairQueueTest : public ::testing::Test {
 protected:
  using Among = FairQueue::Among;

  void push(const std::string& kind, const Priority& priority = {}, Stage stage = Stage::kFirst) {
    queue_.push(requests_.emplace_back(kinds_.emplace_back(kind), priority, stage), now_);
  }
  /// Demand if there is any.
  [[nodiscard]] FairQueue::Choice any() const {
    const FairQueue::Choice demand(Urgency::kDemand, Among::kAll);
    return queue_.has(demand) ? demand : FairQueue::Choice(Urgency::kSpeculation, Among::kAll);
  }
  std::string pop(double cost = 1) { return std::string(queue_.pop(any(), cost, now_).kind); }
  ~FairQueueTest() override {
    while (!queue_.empty()) (void)pop();
  }

  std::deque<std::string> kinds_;
  std::deque<QueuedRequest> requests_;
  FairQueue queue_;
  MonoTime now_;
};

TEST_F(FairQueueTest, KindsTakeTurnsHoweverManyOfEachWait) {
  for (int i = 0; i < 100; ++i) push("many");
  for (int i = 0; i < 10; ++i) push("few");
  std::map<std::string, int> served;
  for (int i = 0; i < 20; ++i) ++served[pop()];
  EXPECT_EQ(served["many"], 10);
  EXPECT_EQ(served["few"], 10);
}

TEST_F(FairQueueTest, WhatCountsIsHowMuchNotHowOften) {
  for (int i = 0; i < 100; ++i) push("large");
  for (int i = 0; i < 100; ++i) push("small");
  std::map<std::string, double> had;
  while (queue_.size() > 50) {
    const bool large = queue_.front(any(), now_).kind == "large";
    const double cost = large ? 10 : 1;
    had[pop(cost)] += cost;
  }
  EXPECT_NEAR(had["small"], 100, 1);
  EXPECT_GE(had["large"], 100);
}

TEST_F(FairQueueTest, WhoWaitedForNothingHasSavedNothingUp) {
  for (int i = 0; i < 100; ++i) push("busy");
  for (int i = 0; i < 50; ++i) (void)pop();
  for (int i = 0; i < 50; ++i) push("late");
  std::map<std::string, int> served;
  for (int i = 0; i < 20; ++i) ++served[pop()];
  EXPECT_NEAR(served["late"], 10, 1);
}

TEST_F(FairQueueTest, AWrongChargeIsMadeGood) {
  for (int i = 0; i < 20; ++i) push("a");
  for (int i = 0; i < 20; ++i) push("b");
  EXPECT_EQ(pop(), "a");
  queue_.adjust_charge("a", 5);  // the true cost was 6
  for (int i = 0; i < 6; ++i) EXPECT_EQ(pop(), "b");
}

TEST_F(FairQueueTest, DemandBeforeSpeculationUntilThatIsDemandToo) {
  WantedParts wanted;
  push("speculating", {&wanted, 0b10});
  push("demanding");
  push("demanding");
  EXPECT_EQ(pop(), "demanding");
  EXPECT_TRUE(wanted.want(0b01));
  EXPECT_EQ(queue_.promote_wanted(now_), 0u) << "nobody waits for that part";
  EXPECT_TRUE(wanted.want(0b11));
  EXPECT_FALSE(wanted.want(0b11));
  EXPECT_EQ(queue_.promote_wanted(now_), 1u);
  EXPECT_EQ(pop(), "speculating");
}

TEST_F(FairQueueTest, FirstComeFirstServedWithinAKind) {
  for (int i = 0; i < 3; ++i) push("k");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(&queue_.pop(any(), 1, now_), &requests_[static_cast<size_t>(i)]);
}

TEST_F(FairQueueTest, FurtherRequestsGoFirstWithinAKindAndCanBeChosenAlone) {
  WantedParts nobody;
  push("a");
  push("b", {}, Stage::kFurther);
  push("a", {&nobody, 1}, Stage::kFurther);
  push("a", {}, Stage::kFurther);
  const FairQueue::Choice further(Urgency::kDemand, Among::kFurther);
  EXPECT_EQ(queue_.count(Urgency::kDemand, Among::kFurther), 2u);
  EXPECT_EQ(&queue_.pop(further, 1, now_), &requests_[3]) << "the kinds take turns as ever";
  EXPECT_EQ(&queue_.pop(further, 1, now_), &requests_[1]);
  EXPECT_FALSE(queue_.has(further));
  EXPECT_EQ(&queue_.front(any(), now_), &requests_[0]);
  EXPECT_EQ(&queue_.pop({Urgency::kSpeculation, Among::kFurther}, 1, now_), &requests_[2]);
}

TEST_F(FairQueueTest, AFreshKindEachTurnDoesNotPassTheOldestOverForEver) {
  push("honest");
  push("honest");
  (void)pop(100);  // so that each fresh kind was charged less
  for (int i = 0; i < 100; ++i) {
    push("fresh" + std::to_string(i));
    EXPECT_NE(pop(), "honest");
  }
  push("fresh");
  push("fresher");
  now_ += FairQueue::kAgedAfter;
  std::map<std::string, int> served;
  for (int i = 0; i < 2; ++i) ++served[pop()];
  EXPECT_EQ(served["honest"], 1);
}

TEST_F(FairQueueTest, OldRequestsOfOneKindTakeEverySecondTurn) {
  for (int i = 0; i < 100; ++i) push("flood");
  now_ += FairQueue::kAgedAfter;
  for (int i = 0; i < 100; ++i) push("flood");
  for (int i = 0; i < 10; ++i) push("new");
  std::map<std::string, int> served;
  for (int i = 0; i < 20; ++i) ++served[pop()];
  EXPECT_GE(served["new"], 9) << "what a kind gets for its age is charged";
}

TEST_F(FairQueueTest, EverySecondTurnIsOfTheKindThatWasChargedLeast) {
  for (int i = 0; i < 100; ++i) push("kind-" + std::to_string(i));
  now_ += FairQueue::kAgedAfter;
  push("another");
  queue_.adjust_charge("another", -1);
  const std::string first = pop();
  EXPECT_TRUE(first == "another" || pop() == "another");
}

TEST_F(FairQueueTest, AKindLeavesPlacesToOthers) {
  while (queue_.has_place("flood")) push("flood");
  EXPECT_EQ(queue_.size(), FairQueue::kQueuedMax * FairQueue::kShare / (FairQueue::kShare + 1) + 1);
  while (queue_.has_place("second")) push("second");
  EXPECT_TRUE(queue_.has_place("third"));
  EXPECT_FALSE(queue_.has_place("flood"));
  (void)pop();
}

TEST_F(FairQueueTest, TheQueueIsBounded) {
  for (size_t i = 0; i < 2 * FairQueue::kQueuedMax; ++i) {
    const std::string kind = "kind-" + std::to_string(i);
    if (queue_.has_place(kind)) push(kind);
  }
  EXPECT_EQ(queue_.size(), FairQueue::kQueuedMax);
}

TEST_F(FairQueueTest, WhatAKindWasChargedIsRememberedWhileOthersWait) {
  for (int i = 0; i < 10; ++i) push("other");
  push("kind");
  while (queue_.front(any(), now_).kind != "kind") (void)pop();
  (void)pop(3);  // nothing of the kind waits now
  push("kind");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pop(), "other");
  EXPECT_EQ(pop(), "kind");
}

}  // namespace
}  // namespace cachey::origin
