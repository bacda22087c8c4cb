// Which requests are refused at once, because the queue in front is forecast to take too long.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "origin/read/gate.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// A bucket with 8 turns.
class GateForecast : public ::testing::Test {
 protected:
  GateForecast() {
    for (const char* const kind : {"k", "other"}) {
      const Gate::Request request("b", kind, {});
      gate_.try_enter(request)->expect_body_bytes(1);
    }
  }

  /// Asks for a turn and keeps it for `takes`.
  rt::Task<void> visit(std::string kind, nanoseconds takes, nanoseconds patience, Stage stage) {
    const MonoTime came = world_.clock().mono();
    Gate::Request request("b", kind, {}, stage);
    request.may_forecast = stage == Stage::kFirst;
    Result<Gate::Pass> pass = co_await gate_.enter(world_.worker(), request, came + patience);
    if (!pass) {
      const bool at_once = world_.clock().mono() - came < 10ms;
      ++(at_once ? at_once_ : in_vain_)[kind];
      retry_after_ = pass.error().retry_after();
      co_return;
    }
    ++served_[kind];
    co_await world_.worker().timers().sleep(takes);
  }
  void start(const std::string& kind, int count, nanoseconds takes, nanoseconds patience = 5s,
             Stage stage = Stage::kFirst) {
    for (int i = 0; i < count; ++i) {
      world_.worker().tasks().spawn(visit(kind, takes, patience, stage));
      world_.worker().io().poll();
    }
  }
  /// 100 requests a second, of which 20 can be served.
  void overload(nanoseconds time) {
    for (nanoseconds passed{0}; passed < time; passed += 10ms) {
      start("k", 1, 400ms);
      world_.pass(10ms);
    }
  }
  void finish() {
    while (world_.worker().tasks().size() > 0) world_.pass(100ms);
  }

  rt::VirtualWorker world_;
  Metrics metrics_;
  Gate gate_{{.requests = 8}, world_.clock(), metrics_};
  std::map<std::string, int> served_;
  std::map<std::string, int> at_once_;
  std::map<std::string, int> in_vain_;
  nanoseconds retry_after_{0};
};

TEST_F(GateForecast, BurstsThatAreServedInTimeAreAllServed) {
  for (int burst = 0; burst < 10; ++burst) {
    start("k", 32, 400ms);
    world_.pass(2s);
  }
  finish();
  EXPECT_EQ(served_["k"], 320);
}

TEST_F(GateForecast, UnderAStandingOverloadTheSurplusIsRefusedAtOnceAndTheRestIsServed) {
  overload(30s);
  finish();
  EXPECT_GT(served_["k"], 20 * 30 * 9 / 10);
  EXPECT_GT(at_once_["k"], 1'500);
  EXPECT_EQ(in_vain_["k"], 0);
  EXPECT_GT(retry_after_, 3s);
}

TEST_F(GateForecast, AKindWithoutRequestsWaitsAndSoDoesItsShareOfTheTurns) {
  overload(10s);
  start("other", 10, 400ms);
  EXPECT_EQ(at_once_["other"], 0) << "in front are its own, and as many of the other kind";
  start("other", 500, 400ms);
  EXPECT_GT(at_once_["other"], 300);
  finish();
  EXPECT_LT(in_vain_["other"], served_["other"] / 3) << "old requests had some of its turns";
}

TEST_F(GateForecast, TheTimeLimitOfTheRequestCounts) {
  overload(10s);
  const int refused = at_once_["k"];
  start("k", 1, 400ms, 20s);
  EXPECT_EQ(at_once_["k"], refused);
  world_.pass(2s);  // the queue has become shorter
  start("k", 1, 400ms, 5s);
  EXPECT_EQ(at_once_["k"], refused);
  start("k", 1, 400ms, 500ms);
  EXPECT_EQ(at_once_["k"], refused + 1);
  finish();
}

TEST_F(GateForecast, FurtherRequestsOfAPageAreNotRefused) {
  overload(10s);
  start("k", 50, 100ms, 5s, Stage::kFurther);
  finish();
  EXPECT_GE(served_["k"], 50);
  EXPECT_EQ(in_vain_["k"], 0);
}

}  // namespace
}  // namespace cachey::origin
