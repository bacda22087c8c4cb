#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "origin/read/gate.h"
#include "rt/testing/virtual_worker.h"

// What the metrics tell of waits for a turn.

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class GateWaits : public ::testing::Test {
 protected:
  static Gate::Request request(std::string_view bucket, const Priority& priority = {}) {
    return {bucket, "k", priority};
  }
  /// Asks for a turn at the bucket, which must be given within 10 s.
  auto ask(std::string_view bucket, const Priority& priority = {}) {
    return world_.start(
        gate_.enter(world_.worker(), request(bucket, priority), world_.clock().mono() + 10s));
  }
  [[nodiscard]] FineHistogram::Snapshot waits() {
    return metrics_.fine_histogram("cachey_turn_wait_seconds", "", latency_bounds()).snapshot();
  }

  rt::VirtualWorker world_;
  Metrics metrics_;
  Gate gate_{{.requests = 1}, world_.clock(), metrics_};
};

TEST_F(GateWaits, OnlyDemandThatWaitsCounts) {
  auto first = ask("b");
  ASSERT_TRUE(*first && (*first)->has_value());
  EXPECT_EQ(waits().count(), 0u) << "it had its turn at once";
  auto second = ask("b");
  world_.pass(300ms);
  EXPECT_FALSE(*second);
  first->reset();
  world_.pass(rt::TimerWheel::kTick);
  ASSERT_TRUE(*second && (*second)->has_value());
  EXPECT_EQ(waits().count(), 1u);
  EXPECT_NEAR(static_cast<double>(waits().sum()), 300e6, 30e6);
  const WantedParts nobody;
  const auto ahead = ask("b", {&nobody, 1});
  const auto in_vain = ask("b");
  world_.pass(11s);
  EXPECT_TRUE(*ahead && !(*ahead)->has_value());
  EXPECT_TRUE(*in_vain && !(*in_vain)->has_value());
  EXPECT_EQ(waits().count(), 2u) << "in vain, too, but not what is fetched ahead";
}

TEST_F(GateWaits, TheQueueOfEachProvenBucketIsShown) {
  const auto proven = ask("proven");
  (*proven)->value().expect_body_bytes(1);
  const auto unproven = ask("made up");
  const auto first = ask("proven");
  const auto second = ask("proven");
  const auto third = ask("made up");
  EXPECT_THAT(gate_.waiting_by_bucket(Gate::kBucketsShown),
              UnorderedElementsAre(Pair("proven", 2), Pair("other", 1)));
  EXPECT_THAT(metrics_.text(), HasSubstr("cachey_bucket_requests_waiting{bucket=\"proven\"} 2\n"));
  EXPECT_THAT(gate_.waiting_by_bucket(0), UnorderedElementsAre(Pair("other", 3)));
  world_.pass(11s);
  EXPECT_THAT(gate_.waiting_by_bucket(Gate::kBucketsShown),
              UnorderedElementsAre(Pair("proven", 0), Pair("other", 0)));
}

}  // namespace
}  // namespace cachey::origin
