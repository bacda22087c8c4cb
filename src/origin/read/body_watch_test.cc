#include "origin/read/body_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

/// A body at a rate of its own, looked at every 100 ms.
class BodyWatchTest : public ::testing::Test {
 protected:
  std::vector<BodyState> pass(std::chrono::milliseconds time, uint64_t bytes_per_second) {
    std::vector<BodyState> states;
    for (std::chrono::milliseconds passed{0}; passed < time; passed += 100ms) {
      clock_.advance(100ms);
      look_.now = clock_.mono();
      look_.arrived += bytes_per_second / 10;
      if (bytes_per_second > 0) look_.last_arrival = look_.now;
      const BodyState state = watch_.look(look_, limits_);
      if (state != BodyState::kFlows) states.push_back(state);
    }
    return states;
  }

  ManualClock clock_;
  BodyWatch watch_{clock_.mono(), 0};
  BodyWatch::Look look_{clock_.mono(), clock_.mono(), 0};
  BodyWatch::Limits limits_{200ms, 2s};
};

TEST_F(BodyWatchTest, ABodyAtTheLeastRateIsLeftAlone) {
  EXPECT_EQ(pass(120s, BodyWatch::kLeastRate + 10), std::vector<BodyState>());
}

TEST_F(BodyWatchTest, FewerBytesThanAtTheLastLookAreNoSpeed) {
  EXPECT_EQ(pass(3s, BodyWatch::kLeastRate + 10), std::vector<BodyState>());
  look_.arrived -= 150'000;
  EXPECT_EQ(pass(6s, 10'000), std::vector{BodyState::kSlow});
}

TEST_F(BodyWatchTest, ASilentBodyIsLateAndThenHung) {
  limits_.late = 1500ms;
  EXPECT_EQ(pass(1400ms, 0), std::vector<BodyState>());
  EXPECT_EQ(pass(100ms, 0), std::vector{BodyState::kLate});
  EXPECT_EQ(pass(500ms, 0), std::vector{BodyState::kHung});
  look_.alone = false;
  EXPECT_EQ(pass(1900ms, 0), std::vector<BodyState>()) << "a hedge is under way";
  EXPECT_EQ(pass(100ms, 0), std::vector{BodyState::kHung});
}

TEST_F(BodyWatchTest, WithoutHedgesASilentBodyIsHungOnly) {
  limits_.late.reset();
  EXPECT_EQ(pass(5s, 0), std::vector(2, BodyState::kHung));
}

TEST_F(BodyWatchTest, ABodyThatTricklesIsSlowInWindowsThatDouble) {
  EXPECT_EQ(pass(2900ms, 10'000), std::vector<BodyState>());
  EXPECT_EQ(pass(100ms, 10'000), std::vector{BodyState::kSlow});
  EXPECT_EQ(pass(6s, 10'000), std::vector{BodyState::kSlow});
  EXPECT_EQ(pass(12s, 10'000), std::vector{BodyState::kSlow});
  EXPECT_EQ(pass(24s + 3 * 48s, 10'000), std::vector(4, BodyState::kSlow)) << "served to its end";
}

TEST_F(BodyWatchTest, ABodyThatSpeedsUpIsWatchedAsAtFirst) {
  EXPECT_EQ(pass(9s, 10'000), std::vector(2, BodyState::kSlow));
  EXPECT_EQ(pass(12s, 1'000'000), std::vector<BodyState>());
  EXPECT_EQ(pass(3s, 10'000), std::vector{BodyState::kSlow});
}

TEST_F(BodyWatchTest, ABodyOfAFewBytesASecondIsHopelessInTheEnd) {
  EXPECT_EQ(pass(3s + 6s + 12s + 24s, 20), std::vector(4, BodyState::kSlow));
  EXPECT_EQ(pass(48s, 20), std::vector{BodyState::kHopeless});
}

TEST_F(BodyWatchTest, ASlowBodyThatNobodyWaitsForIsUnwanted) {
  look_.wanted = false;
  limits_.hung = 60s;
  limits_.late.reset();
  EXPECT_EQ(pass(10s, 0), std::vector{BodyState::kUnwanted});
}

TEST_F(BodyWatchTest, ASlowBodyThatNobodyWaitsForIsNotRescued) {
  look_.wanted = false;
  EXPECT_EQ(pass(9900ms, 20), std::vector<BodyState>());
  EXPECT_EQ(pass(100ms, 20), std::vector{BodyState::kUnwanted});
}

TEST_F(BodyWatchTest, TheNextLookIsWhenTheStateMayChange) {
  const MonoTime now = clock_.mono();
  EXPECT_EQ(watch_.next_look(look_, limits_), now + 200ms);
  look_.alone = false;
  EXPECT_EQ(watch_.next_look(look_, limits_), now + 2s);
  limits_.hung = 20s;
  EXPECT_EQ(watch_.next_look(look_, limits_), now + BodyWatch::kSlowWindow);
}

}  // namespace
}  // namespace cachey::origin
