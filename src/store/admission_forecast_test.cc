// Which requests are refused at once, because the queue in front is forecast to take too long.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/units.h"
#include "rt/testing/virtual_worker.h"
#include "store/admission.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kForEver = nanoseconds::max();

/// Requests of 1 MiB. A bucket that is alone has room for 8 of them.
class AdmissionForecast : public ::testing::Test {
 protected:
  using Refusal = Admissions::Refusal;
  static constexpr AdmissionsConfig kConfig{.timeout = 5s};

  /// Asks for admission and keeps it for `takes`.
  rt::Task<void> visit(std::string bucket, nanoseconds takes, nanoseconds patience) {
    const MonoTime came = world_.clock().mono();
    Result<Admission> admission =
        co_await admissions_.admit(world_.worker(), std::move(bucket), kMiB, patience);
    const nanoseconds waited = world_.clock().mono() - came;
    if (!admission) {
      refused_after_ = std::max(refused_after_, waited);
      retry_after_ = admission.error().retry_after();
      co_return;
    }
    longest_ = std::max(longest_, waited);
    ++served_;
    co_await world_.worker().timers().sleep(takes);
  }
  void start(const std::string& bucket, int count, nanoseconds takes,
             nanoseconds patience = kForEver) {
    for (int i = 0; i < count; ++i) {
      world_.worker().tasks().spawn(visit(bucket, takes, patience));
      world_.worker().io().poll();
    }
  }
  /// 100 requests a second, of which 20 can be served.
  void overload(const std::string& bucket, nanoseconds time) {
    for (nanoseconds passed{0}; passed < time; passed += 10ms) {
      start(bucket, 1, 400ms);
      world_.pass(10ms);
    }
  }
  void finish() {
    while (world_.worker().tasks().size() > 0) world_.pass(100ms);
  }

  rt::VirtualWorker world_;
  Admissions admissions_{kConfig, [] { return 10 * kMiB; }, world_.clock()};
  int served_ = 0;
  nanoseconds longest_{0};
  nanoseconds refused_after_{0};
  nanoseconds retry_after_{0};
};

TEST_F(AdmissionForecast, BurstsThatAreServedInTimeAreAllServed) {
  for (int burst = 0; burst < 10; ++burst) {
    start("b", 32, 400ms);
    world_.pass(2s);
  }
  finish();
  EXPECT_EQ(served_, 320);
  EXPECT_EQ(admissions_.refused(), 0u);
}

TEST_F(AdmissionForecast, UnderAStandingOverloadTheSurplusIsRefusedAtOnceAndTheRestIsServed) {
  overload("b", 30s);
  finish();
  EXPECT_GT(served_, 20 * 30 * 9 / 10);
  EXPECT_GT(admissions_.refused(Refusal::kForecast), 1'500u);
  EXPECT_EQ(admissions_.refused(Refusal::kTimeout), 0u) << "none waits in vain";
  EXPECT_LT(refused_after_, 10ms);
  EXPECT_GT(longest_, 3s) << "as many wait as can be served in time";
  EXPECT_GT(retry_after_, 3s);
}

TEST_F(AdmissionForecast, TheClientsTimeLimitCounts) {
  overload("b", 10s);
  start("b", 1, 400ms, 500ms);
  const uint64_t refused = admissions_.refused(Refusal::kForecast);
  world_.pass(2s);  // the queue has become shorter
  start("b", 1, 400ms, 500ms);
  EXPECT_EQ(admissions_.refused(Refusal::kForecast), refused + 1);
  start("b", 1, 400ms, 4s);
  EXPECT_EQ(admissions_.refused(Refusal::kForecast), refused + 1);
  finish();
}

TEST_F(AdmissionForecast, OneBucketsQueueRefusesNoOther) {
  overload("busy", 10s);
  const uint64_t refused = admissions_.refused();
  const int served = served_;
  start("other", 1, 10ms);
  world_.pass(500ms);
  EXPECT_EQ(admissions_.refused(), refused);
  EXPECT_GT(served_, served);
  finish();
}

TEST_F(AdmissionForecast, TheFirstOfAQueueWaitsWhateverTheForecast) {
  start("b", 28, 4s);
  world_.pass(5'200ms);  // 8 were served in the beginning, 8 after 4 s; 12 gave up
  EXPECT_EQ(admissions_.waiting(), 0u);
  const int served = served_;
  start("b", 1, 4s, 1ms);
  EXPECT_EQ(admissions_.waiting(), 1u);
  EXPECT_EQ(admissions_.refused(Refusal::kForecast), 0u);
  start("b", 1, 4s, 1ms);
  EXPECT_EQ(admissions_.refused(Refusal::kForecast), 1u);
  world_.pass(3s);
  EXPECT_EQ(served_, served + 1);
  finish();
}

TEST_F(AdmissionForecast, WithoutATurnAsManyWaitAsCouldBeServedIfAllEndedNow) {
  start("b", 8, 60s);
  start("b", 100, 1ms);
  EXPECT_EQ(admissions_.waiting(), 100u) << "nothing is known yet";
  world_.pass(6s);
  EXPECT_EQ(admissions_.refused(Refusal::kTimeout), 100u);
  start("b", 100, 1ms);
  EXPECT_GE(admissions_.waiting(), 12u);
  EXPECT_LE(admissions_.waiting(), 40u);
  world_.pass(6s);
  EXPECT_EQ(admissions_.waiting(), 0u);
  start("b", 1, 1ms);
  EXPECT_EQ(admissions_.waiting(), 1u) << "one always waits";
  finish();
}

TEST_F(AdmissionForecast, TheBeginningOfAnOverloadLetsFewWaitInVain) {
  for (int i = 0; i < 1'000; ++i) {  // 500 requests a second, of which 4 can be served
    start("b", 1, 2s);
    world_.pass(2ms);
  }
  finish();
  EXPECT_GE(served_, 8 + 8 + 8);
  EXPECT_LT(admissions_.refused(Refusal::kTimeout), 180u);
  EXPECT_GT(admissions_.refused(Refusal::kForecast), 750u);
}

TEST_F(AdmissionForecast, SlowWavesWithoutAKnownRateAreNotRefused) {
  start("b", 8, 2'400ms);
  for (int i = 0; i < 16; ++i) {  // two more waves, of which the second begins after 4.8 s
    start("b", 1, 2'400ms);
    world_.pass(140ms);
  }
  finish();
  EXPECT_EQ(served_, 24);
  EXPECT_EQ(admissions_.refused(), 0u);
}

TEST_F(AdmissionForecast, ALookAheadRefusesWhatAdmitWouldRefuse) {
  const std::vector<std::string> none, one{"b"}, both{"b", "idle"};
  EXPECT_TRUE(admissions_.look_ahead(one, 1, kForEver)) << "nothing waits";
  overload("b", 10s);
  start("b", 50, 400ms);
  const Result<void> refused = admissions_.look_ahead(one, kMiB, kForEver);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kOverloaded);
  EXPECT_GT(refused.error().retry_after(), 3s);
  EXPECT_TRUE(admissions_.look_ahead(both, kMiB, kForEver)) << "the other bucket may have it";
  EXPECT_TRUE(admissions_.look_ahead(none, kMiB, kForEver));
  EXPECT_EQ(admissions_.buckets(), 1u);
  world_.pass(2s);
  EXPECT_TRUE(admissions_.look_ahead(one, kMiB, kForEver));
  EXPECT_FALSE(admissions_.look_ahead(one, kMiB, 500ms));
  while (admissions_.waiting() > 0) world_.pass(100ms);
  EXPECT_TRUE(admissions_.look_ahead(one, kMiB, 1ms)) << "one always waits";
  finish();
}

TEST_F(AdmissionForecast, AQueueThatRecoversIsFilledAgain) {
  start("b", 50, 4s);
  world_.pass(20s);
  const uint64_t refused = admissions_.refused();
  for (int i = 0; i < 100; ++i) {
    start("b", 1, 20ms);
    world_.pass(10ms);
  }
  EXPECT_EQ(admissions_.refused(), refused);
  finish();
}

}  // namespace
}  // namespace cachey::store
