#include "api/s3/forward_places.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rt/testing/virtual_worker.h"

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;

class PlacesWorld {
 public:
  using Entered = std::shared_ptr<std::optional<Result<ForwardPlaces::Place>>>;

  explicit PlacesWorld(ForwardLimits limits) : places(limits, virtual_.clock(), metrics_) {}

  Entered enter(std::string account, std::stop_token stop = {}) {
    return virtual_.start(places.enter(virtual_.worker(), std::move(account), std::move(stop)));
  }
  /// The places that `account` gets before it must wait.
  std::vector<Entered> take(const std::string& account, size_t tries) {
    std::vector<Entered> taken;
    for (size_t i = 0; i < tries; ++i) {
      Entered entered = enter(account);
      if (entered->has_value() && (*entered)->has_value()) taken.push_back(std::move(entered));
    }
    return taken;
  }
  void pass(std::chrono::nanoseconds time) { virtual_.pass(time); }

 private:
  rt::VirtualWorker virtual_;
  Metrics metrics_;

 public:
  ForwardPlaces places;
};

bool has_place(const PlacesWorld::Entered& entered) {
  return entered->has_value() && (*entered)->has_value();
}

ErrorKind failure(const PlacesWorld::Entered& entered) { return (*entered)->error().kind(); }

TEST(ForwardPlaces, AClientHasAsManyAsAreLeftForOthers) {
  PlacesWorld world({.at_once = 64, .waiting = 0});
  EXPECT_EQ(world.take("a", 64).size(), 32u);
  EXPECT_EQ(world.places.taken(), 0u);  // given back
  const auto a = world.take("a", 64);
  const auto b = world.take("b", 64);
  const auto c = world.take("c", 64);
  EXPECT_EQ(a.size(), 32u);
  EXPECT_EQ(b.size(), 16u);
  EXPECT_EQ(c.size(), 8u);
  EXPECT_EQ(world.take("polite", 1).size(), 1u);
}

TEST(ForwardPlaces, PastTheQueueItIsRefused) {
  PlacesWorld world({.at_once = 2, .waiting = 4});
  const auto held = world.take("a", 1);
  const auto first = world.enter("a");
  const auto second = world.enter("a");
  EXPECT_FALSE(first->has_value());
  EXPECT_FALSE(second->has_value());
  EXPECT_EQ(world.places.waiting(), 2u);
  const auto third = world.enter("a");  // half of the queue is one client's
  ASSERT_TRUE(third->has_value());
  EXPECT_EQ(failure(third), ErrorKind::kOverloaded);
  world.pass(6s);
}

TEST(ForwardPlaces, AWaitEndsWithTheLimit) {
  PlacesWorld world({.at_once = 2, .waiting = 8, .wait = 1s});
  const auto held = world.take("a", 1);
  const auto waits = world.enter("a");
  world.pass(900ms);
  EXPECT_FALSE(waits->has_value());
  world.pass(200ms);
  ASSERT_TRUE(waits->has_value());
  EXPECT_EQ(failure(waits), ErrorKind::kOverloaded);
  EXPECT_EQ(world.places.waiting(), 0u);
}

TEST(ForwardPlaces, AWaitEndsWhenTheClientLeaves) {
  PlacesWorld world({.at_once = 2, .waiting = 8});
  const auto held = world.take("a", 1);
  std::stop_source left;
  const auto waits = world.enter("a", left.get_token());
  left.request_stop();
  world.pass(10ms);
  ASSERT_TRUE(waits->has_value());
  EXPECT_EQ(failure(waits), ErrorKind::kCancelled);
  EXPECT_EQ(world.places.waiting(), 0u);
}

TEST(ForwardPlaces, TheClientWithTheFewestIsNext) {
  PlacesWorld world({.at_once = 4, .waiting = 8});
  auto greedy = world.take("greedy", 2);
  auto other = world.take("other", 1);
  const auto greedy_waits = world.enter("greedy");
  const auto last = world.enter("last");  // takes the last place
  EXPECT_TRUE(has_place(last));
  const auto newcomer = world.enter("newcomer");
  EXPECT_FALSE(newcomer->has_value());
  other.clear();
  world.pass(10ms);
  EXPECT_TRUE(has_place(newcomer));
  EXPECT_FALSE(greedy_waits->has_value());
  world.pass(6s);
}

}  // namespace
}  // namespace cachey::api::s3
