#include "origin/read/failed_keys.h"

#include <gtest/gtest.h>

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class FailedKeysTest : public ::testing::Test {
 protected:
  [[nodiscard]] bool may_ask(uint64_t key, uint32_t failures_max = FailedKeys::kFailuresMax) {
    return keys_.may_ask(key, failures_max, clock_.mono());
  }
  bool add(uint64_t key) { return keys_.add(key, clock_.mono()); }

  ManualClock clock_;
  FailedKeys keys_;
};

TEST_F(FailedKeysTest, AKeyIsNewOnce) {
  EXPECT_TRUE(add(1));
  EXPECT_FALSE(add(1));
  EXPECT_TRUE(add(2));
  keys_.succeeded(1);
  EXPECT_TRUE(add(1));
}

TEST_F(FailedKeysTest, AKeyIsForgottenThirtySecondsAfterItsLastFailure) {
  EXPECT_TRUE(add(1));
  for (int i = 0; i < 10; ++i) {
    clock_.advance(29s);
    EXPECT_FALSE(add(1));
  }
  clock_.advance(30s);
  EXPECT_TRUE(add(1));
}

TEST_F(FailedKeysTest, AKeyThatFailedFiveTimesInARowIsAskedForOnceASecond) {
  for (int i = 0; i < 4; ++i) {
    add(1);
    EXPECT_TRUE(may_ask(1)) << i;
  }
  add(1);
  EXPECT_FALSE(may_ask(1));
  EXPECT_TRUE(may_ask(2));
  for (int second = 0; second < 5; ++second) {
    clock_.advance(1s);
    EXPECT_TRUE(may_ask(1));
    EXPECT_FALSE(may_ask(1));
  }
  keys_.succeeded(1);
  EXPECT_TRUE(may_ask(1));
}

TEST_F(FailedKeysTest, TheLimitCanBeStricter) {
  add(1);
  EXPECT_TRUE(may_ask(1));
  EXPECT_FALSE(may_ask(1, 1));
}

TEST_F(FailedKeysTest, PastTheBoundTheOldestFailureIsForgotten) {
  for (uint64_t key = 0; key <= FailedKeys::kKeysMax; ++key) {
    EXPECT_TRUE(add(key));
    clock_.advance(1ms);
  }
  EXPECT_FALSE(add(1));
  EXPECT_TRUE(add(0));
  EXPECT_FALSE(add(FailedKeys::kKeysMax));
}

}  // namespace
}  // namespace cachey::origin
