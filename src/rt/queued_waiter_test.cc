#include "rt/queued_waiter.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "rt/testing/virtual_worker.h"

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

class QueuedWaiterTest : public ::testing::Test {
 protected:
  enum class Place : uint8_t { kFirst, kLast };

  Task<bool> wait(MonoTime deadline, std::stop_token stop, Place place) {
    QueuedWaiter waiter(world_.worker().executor(), list_);
    if (place == Place::kFirst) {
      waiter.enqueue_first();
    } else {
      waiter.enqueue();
    }
    co_return co_await waiter.wait_in_list(world_.worker().timers(), deadline, std::move(stop));
  }

  std::shared_ptr<std::optional<bool>> start(Place place = Place::kLast) {
    return world_.start(wait(world_.clock().mono() + 100ms, stop_.get_token(), place));
  }

  VirtualWorker world_;
  WaiterList list_;
  std::stop_source stop_;
};

TEST_F(QueuedWaiterTest, TheFirstInTheListIsNotifiedFirst) {
  const auto second = start();
  const auto third = start();
  const auto first = start(Place::kFirst);
  notify_first(list_);
  world_.pass(TimerWheel::kTick);
  EXPECT_EQ(*first, true);
  EXPECT_FALSE(second->has_value());
  notify_all(list_);
  world_.pass(TimerWheel::kTick);
  EXPECT_EQ(*second, true);
  EXPECT_EQ(*third, true);
  EXPECT_TRUE(list_.empty());
  notify_first(list_);  // of nobody
}

TEST_F(QueuedWaiterTest, LeavesTheListAtItsDeadline) {
  const auto waited = start();
  world_.pass(120ms);
  EXPECT_EQ(*waited, false);
  EXPECT_TRUE(list_.empty());
}

TEST_F(QueuedWaiterTest, LeavesTheListWhenItIsStopped) {
  const auto waited = start();
  stop_.request_stop();
  world_.pass(TimerWheel::kTick);
  EXPECT_EQ(*waited, false);
  EXPECT_TRUE(list_.empty());
}

TEST_F(QueuedWaiterTest, AStopAfterTheNotificationChangesNothing) {
  const auto waited = start();
  notify_first(list_);
  stop_.request_stop();
  world_.pass(TimerWheel::kTick);
  EXPECT_EQ(*waited, true);
}

}  // namespace
}  // namespace cachey::rt
