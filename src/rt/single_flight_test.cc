#include "rt/single_flight.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "rt/testing/virtual_worker.h"

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

class SingleFlightTest : public ::testing::Test {
 protected:
  std::shared_ptr<std::optional<bool>> wait() {
    return world_.start(flight_.wait(world_.worker(), world_.clock().mono() + 100ms));
  }

  VirtualWorker world_;
  SingleFlight flight_;
};

TEST_F(SingleFlightTest, OneBeginsAndTheOthersWaitForItsEnd) {
  EXPECT_TRUE(flight_.begin());
  EXPECT_FALSE(flight_.begin());
  const auto one = wait();
  const auto two = wait();
  world_.pass(50ms);
  EXPECT_FALSE(one->has_value());
  flight_.end();
  world_.pass(TimerWheel::kTick);
  EXPECT_EQ(*one, true);
  EXPECT_EQ(*two, true);
  EXPECT_TRUE(flight_.begin()) << "the next one may begin";
}

TEST_F(SingleFlightTest, WithoutAJobNobodyWaits) { EXPECT_EQ(*wait(), true); }

TEST_F(SingleFlightTest, AWaitEndsAtItsDeadline) {
  ASSERT_TRUE(flight_.begin());
  const auto waited = wait();
  world_.pass(120ms);
  EXPECT_EQ(*waited, false);
  flight_.end();  // wakes nobody
}

}  // namespace
}  // namespace cachey::rt
