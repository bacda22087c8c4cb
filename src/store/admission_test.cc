#include "store/admission.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::store {
namespace {

using Asked = std::shared_ptr<std::optional<Result<Admission>>>;

/// Admissions under a limit that a test may change, and a worker on a manual clock.
class AdmissionsTest : public ::testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kTimeout{200};
  static constexpr size_t kWaitingPerBucketMax = 4;
  static constexpr size_t kWaitingMax = 6;

  void TearDown() override { world_.pass(kTimeout + 2 * rt::TimerWheel::kTick); }

  /// Asks for admission; the result is set when there is one.
  Asked ask(const std::string& bucket, uint64_t bytes) {
    return world_.start(admissions_.admit(world_.worker(), bucket, bytes));
  }

  static bool admitted(const Asked& asked) { return *asked && (*asked)->has_value(); }
  static bool refused(const Asked& asked) {
    return *asked && !asked->value() && asked->value().error().kind() == ErrorKind::kOverloaded;
  }

  /// Admits as much as one bucket can have, in steps of `bytes`.
  std::vector<Admission> take_all(const std::string& bucket, uint64_t bytes) {
    std::vector<Admission> held;
    while (auto admission = admissions_.try_admit(bucket, bytes)) {
      held.push_back(std::move(*admission));
    }
    return held;
  }

  void tick() { world_.pass(rt::TimerWheel::kTick); }

  uint64_t limit_ = 100 * kMiB;
  rt::VirtualWorker world_;
  Admissions admissions_{
      {kTimeout, kWaitingPerBucketMax, kWaitingMax}, [this] { return limit_; }, world_.clock()};
};

TEST_F(AdmissionsTest, OneBucketLeavesAFifthToTheOthers) {
  const std::vector<Admission> busy = take_all("busy", kMiB);
  EXPECT_EQ(busy.size(), 80u);
  const std::vector<Admission> other = take_all("other", kMiB);
  EXPECT_GE(other.size(), 15u);
  EXPECT_LE(admissions_.admitted_bytes(), limit_);
}

TEST_F(AdmissionsTest, ABucketWithNothingMayTakeAllThatIsFree) {
  limit_ = kPageBytes;
  const auto whole = admissions_.try_admit("a", kPageBytes);
  EXPECT_TRUE(whole);
  EXPECT_FALSE(admissions_.try_admit("b", 1));
}

TEST_F(AdmissionsTest, ABusyBucketsQueueDoesNotDelayTheOthers) {
  const std::vector<Admission> busy = take_all("busy", kMiB);
  const Asked waiting = ask("busy", kMiB);
  EXPECT_FALSE(*waiting);
  EXPECT_TRUE(admissions_.try_admit("other", kMiB));
}

TEST_F(AdmissionsTest, TheBucketWithTheLeastIsNextWhoeverCameFirst) {
  limit_ = 10 * kMiB;
  std::vector<Admission> held = take_all("busy", kMiB);
  auto small = admissions_.try_admit("small", kMiB);
  auto other = admissions_.try_admit("other", limit_ - admissions_.admitted_bytes());
  ASSERT_TRUE(small && other);
  EXPECT_EQ(admissions_.admitted_bytes(), limit_);
  const Asked first = ask("busy", kMiB);
  const Asked second = ask("small", kMiB);
  const Asked third = ask("new", kMiB);
  tick();
  EXPECT_FALSE(*first || *second || *third);
  held.pop_back();
  tick();
  EXPECT_TRUE(admitted(third));
  EXPECT_FALSE(*first || *second);
  held.pop_back();
  held.pop_back();
  held.pop_back();
  tick();
  EXPECT_TRUE(admitted(second));
}

TEST_F(AdmissionsTest, WithinABucketTheFirstIsNextAndIsNotPassedOver) {
  limit_ = 2 * kPageBytes;
  auto held = admissions_.try_admit("a", 2 * kPageBytes);
  const Asked large = ask("a", kPageBytes);
  const Asked small = ask("a", 1);
  held->shrink_to(kPageBytes + kMiB);
  tick();
  EXPECT_FALSE(*large || *small) << "the large request does not fit, and it was first";
  EXPECT_FALSE(admissions_.try_admit("a", 1)) << "a new request does not pass those that wait";
  held.reset();
  tick();
  EXPECT_TRUE(admitted(large));
  EXPECT_TRUE(admitted(small));
}

TEST_F(AdmissionsTest, BucketsWithAsMuchAreServedInTheOrderInWhichTheyCame) {
  limit_ = kMiB;
  auto held = admissions_.try_admit("held", kMiB);
  const Asked first = ask("z", kMiB);
  const Asked second = ask("a", kMiB);
  held.reset();
  tick();
  EXPECT_TRUE(admitted(first));
  EXPECT_FALSE(*second);
}

TEST_F(AdmissionsTest, SpeculationLeavesAQuarterAndNeverPassesARequestThatWaits) {
  limit_ = 40 * kMiB;
  std::vector<Admission> held;
  for (const char* const bucket : {"a", "b", "c", "d", "e", "f"}) {
    while (auto admission = admissions_.try_admit_speculation(bucket, kMiB)) {
      held.push_back(std::move(*admission));
    }
  }
  EXPECT_EQ(admissions_.admitted_bytes(), 30 * kMiB);
  auto demand = admissions_.try_admit("demand", 10 * kMiB);
  EXPECT_TRUE(demand);
  const Asked waiting = ask("demand", 35 * kMiB);
  held.clear();
  EXPECT_FALSE(*waiting);
  EXPECT_FALSE(admissions_.try_admit_speculation("g", kMiB));
}

TEST_F(AdmissionsTest, ARequestIsAdmittedWhenTheLimitGrows) {
  limit_ = 2 * kMiB;
  auto held = admissions_.try_admit("a", kMiB);
  const Asked waiting = ask("b", 2 * kMiB);
  limit_ = 1 * kMiB;
  admissions_.look_again();
  tick();
  EXPECT_FALSE(*waiting);
  limit_ = 10 * kMiB;
  admissions_.look_again();
  tick();
  EXPECT_TRUE(admitted(waiting));
  EXPECT_EQ(admissions_.waiting(), 0u);
}

TEST_F(AdmissionsTest, ARequestGivesUpInTime) {
  auto held = admissions_.try_admit("a", limit_);
  const Asked asked = ask("b", kMiB);
  EXPECT_EQ(admissions_.waiting(), 1u);
  world_.pass(kTimeout / 2);
  EXPECT_FALSE(*asked);
  world_.pass(kTimeout / 2 + 2 * rt::TimerWheel::kTick);
  EXPECT_TRUE(refused(asked));
  EXPECT_EQ(admissions_.refused(), 1u);
  EXPECT_EQ(admissions_.waiting(), 0u);
  EXPECT_EQ(admissions_.buckets(), 1u);
}

TEST_F(AdmissionsTest, IfTheFirstGivesUpASmallerRequestMayFit) {
  limit_ = 2 * kMiB;
  auto held = admissions_.try_admit("a", kMiB);
  const Asked large = ask("b", 2 * kMiB);
  world_.pass(kTimeout / 2);
  const Asked small = ask("b", kMiB);
  world_.pass(kTimeout / 2 + 2 * rt::TimerWheel::kTick);
  EXPECT_TRUE(refused(large));
  EXPECT_TRUE(admitted(small));
}

TEST_F(AdmissionsTest, TooManyThatWaitAreRefusedAtOnceByBucketAndInAll) {
  auto held = admissions_.try_admit("a", limit_);
  std::vector<Asked> asked;
  for (size_t i = 0; i < kWaitingPerBucketMax; ++i) asked.push_back(ask("a", kMiB));
  EXPECT_TRUE(refused(ask("a", kMiB)));
  for (size_t i = kWaitingPerBucketMax; i < kWaitingMax; ++i) asked.push_back(ask("b", kMiB));
  EXPECT_TRUE(refused(ask("b", kMiB)));
  for (const Asked& one : asked) EXPECT_FALSE(*one);
  EXPECT_EQ(admissions_.refused(), 2u);
  world_.pass(kTimeout + 2 * rt::TimerWheel::kTick);
  for (const Asked& one : asked) EXPECT_TRUE(refused(one));
}

TEST_F(AdmissionsTest, MoreThanTheLimitIsRefusedAtOnce) {
  EXPECT_TRUE(refused(ask("a", limit_ + 1)));
  EXPECT_EQ(admissions_.buckets(), 0u);
}

TEST_F(AdmissionsTest, NothingIsKeptOfABucketThatHasNothing) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(admissions_.try_admit("bucket " + std::to_string(i), kMiB));
    EXPECT_EQ(admissions_.buckets(), 0u);
  }
  auto held = admissions_.try_admit("a", limit_);
  EXPECT_FALSE(admissions_.try_admit("b", 1));
  EXPECT_FALSE(admissions_.try_admit_speculation("b", 1));
  EXPECT_EQ(admissions_.buckets(), 1u);
}

TEST_F(AdmissionsTest, ManyBucketsThatHoldAllDoNotStarveOneThatHasNothing) {
  std::vector<Admission> held;
  std::vector<Asked> waiting;
  for (int i = 0; i < 100; ++i) {
    held.push_back(*admissions_.try_admit("bad " + std::to_string(i % 50), kMiB));
  }
  for (int i = 0; i < 5; ++i) waiting.push_back(ask("bad " + std::to_string(i), kMiB));
  const Asked fresh = ask("good", kMiB);
  held.pop_back();
  tick();
  EXPECT_TRUE(admitted(fresh));
}

/// Any order of calls: the sum stays under the limit, a bucket under its share, and all is given
/// back at the end.
TEST_F(AdmissionsTest, RandomCallsKeepTheSums) {
  std::mt19937_64 random(7);
  std::vector<std::pair<std::string, Asked>> all;
  for (int step = 0; step < 20'000; ++step) {
    const std::string bucket(1, static_cast<char>('a' + random() % 5));
    const uint64_t bytes = 1 + random() % (8 * kMiB);
    switch (random() % 4) {
      case 0:
        all.emplace_back(bucket, ask(bucket, bytes));
        break;
      case 1:
        if (!all.empty()) all.erase(all.begin() + static_cast<long>(random() % all.size()));
        break;
      case 2:
        if (!all.empty() && admitted(all.back().second)) (**all.back().second)->shrink_to(1);
        break;
      default:
        world_.pass(rt::TimerWheel::kTick);
    }
    uint64_t sum = 0;
    for (const auto& [name, asked] : all) sum += admitted(asked) ? (**asked)->bytes() : 0;
    ASSERT_LE(sum, limit_);
    ASSERT_LE(admissions_.waiting(), kWaitingMax);
    ASSERT_LE(admissions_.buckets(), 5u);
  }
  world_.pass(kTimeout + 2 * rt::TimerWheel::kTick);
  all.clear();
  EXPECT_EQ(admissions_.admitted_bytes(), 0u);
  EXPECT_EQ(admissions_.buckets(), 0u);
}

}  // namespace
}  // namespace cachey::store
