// Shares of the clients of one kind.

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/metrics.h"
#include "origin/read/gate.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class GateClients : public ::testing::Test {
 protected:
  GateClients() : gate_(GateLimits{.requests = 4}, world_.clock(), metrics_) {
    gate_.try_enter({"b", "k", {}})->expect_body_bytes(1);  // proves both names
  }

  rt::Task<void> ask(std::string kind, std::string client) {
    Gate::Request request("b", kind, {});
    request.client = client;
    Result<Gate::Pass> pass =
        co_await gate_.enter(world_.worker(), request, world_.clock().mono() + 3600s);
    if (!pass) {
      ++refused_[client];
      co_return;
    }
    pass->expect_body_bytes(1);
    co_await world_.worker().timers().sleep(100ms);
    ++served_[client];
  }
  void start(const std::string& kind, const std::string& client, size_t times) {
    for (size_t i = 0; i < times; ++i) world_.worker().tasks().spawn(ask(kind, client));
    world_.pass(0ms);
    world_.worker().io().poll();
  }
  void finish() {
    while (world_.worker().tasks().size() > 0) world_.pass(100ms);
  }

  rt::VirtualWorker world_;
  Metrics metrics_;
  Gate gate_;
  std::map<std::string, int> served_;
  std::map<std::string, int> refused_;
};

TEST_F(GateClients, AFloodOfOneLetsAnotherInAtItsNextTurn) {
  start("k", "hostile", 1000);
  start("k", "honest", 2);
  world_.pass(100ms);
  world_.pass(100ms);
  EXPECT_EQ(served_["honest"], 2);
  finish();
  EXPECT_EQ(served_["hostile"], 1000);
}

TEST_F(GateClients, WhoFillsItsShareOfTheQueueLeavesPlacesToOthers) {
  start("k", "hostile", FairQueue::kQueuedMax + 100);
  EXPECT_GT(refused_["hostile"], 0);
  start("k", "honest", 10);
  EXPECT_EQ(refused_["honest"], 0);
  finish();
  EXPECT_EQ(served_["honest"], 10);
}

TEST_F(GateClients, OfAKindThatNobodyKnowsShareOneAccount) {
  start("k", "fills the places", 4);
  for (int i = 0; i < 100; ++i) start("invented", std::to_string(i), 1);
  start("k", "honest", 1);
  world_.pass(100ms);
  world_.pass(100ms);
  EXPECT_EQ(served_["honest"], 1);
  finish();
}

}  // namespace
}  // namespace cachey::origin
