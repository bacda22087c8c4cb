#include "base/service_rate.h"

#include <gtest/gtest.h>

namespace cachey {
namespace {

using namespace std::chrono_literals;

class ServiceRateTest : public ::testing::Test {
 protected:
  /// Serves `turns`, each of `work` and after `each`, while something waits.
  void serve(int turns, std::chrono::milliseconds each, double work = 1) {
    for (int i = 0; i < turns; ++i) {
      now_ += each;
      rate_.advance(now_, true);
      rate_.served(work);
    }
  }
  void idle(std::chrono::milliseconds time) {
    now_ += time;
    rate_.advance(now_, false);
  }
  double seconds(double work) {
    return std::chrono::duration<double>(rate_.forecast(work).value()).count();
  }

  MonoTime now_ = MonoTime() + 1h;
  ServiceRate rate_;
};

TEST_F(ServiceRateTest, TheForecastIsTheWorkOverTheRate) {
  rate_.advance(now_, false);
  serve(200, 50ms);
  EXPECT_NEAR(seconds(100), 5, 0.1);
  serve(200, 100ms, 3);
  EXPECT_NEAR(seconds(30), 1, 0.1);
}

TEST_F(ServiceRateTest, NothingIsForecastFromNothing) {
  EXPECT_FALSE(rate_.forecast(1));
  rate_.advance(now_, false);
  now_ += 1h;
  rate_.advance(now_, true);
  EXPECT_FALSE(rate_.forecast(1)) << "nothing was served";
}

TEST_F(ServiceRateTest, TheFirstTurnsSayLittle) {
  rate_.advance(now_, false);
  serve(1, 1s);
  serve(6, 1ms);
  EXPECT_FALSE(rate_.forecast(1));
  serve(2, 1ms);
  EXPECT_NEAR(seconds(9), 0.9, 0.15);
}

TEST_F(ServiceRateTest, WhatIsInHandGivesTheLeastTimeWhileTheRateIsUnknown) {
  rate_.advance(now_, false);
  EXPECT_EQ(rate_.forecast(100, 4), 0s) << "nothing has waited";
  now_ += 500ms;
  rate_.advance(now_, true);
  EXPECT_EQ(rate_.forecast(4, 4), 0s) << "could all be given back now";
  EXPECT_NEAR(std::chrono::duration<double>(rate_.forecast(12, 4).value()).count(), 1, 0.1);
  serve(4, 0ms);
  EXPECT_NEAR(std::chrono::duration<double>(rate_.forecast(12, 4).value()).count(), 0.5, 0.05);
  serve(4, 0ms);
  EXPECT_EQ(rate_.forecast(12, 4), rate_.forecast(12)) << "the rate is known";
}

TEST_F(ServiceRateTest, AfterALongWaitOneTurnIsEnough) {
  rate_.advance(now_, false);
  serve(1, 4s);
  EXPECT_GT(seconds(2), 4);
}

TEST_F(ServiceRateTest, IdleTimeIsNoWait) {
  rate_.advance(now_, false);
  serve(100, 10ms);
  const double before = seconds(100);
  idle(5s);
  EXPECT_NEAR(seconds(100), before, 0.01);
}

TEST_F(ServiceRateTest, WhatWasLongAgoIsForgotten) {
  rate_.advance(now_, false);
  serve(100, 1s);
  idle(20s);
  EXPECT_FALSE(rate_.forecast(1));
}

TEST_F(ServiceRateTest, AQueueThatHasBecomeFastIsKnownToBeFastSoon) {
  rate_.advance(now_, false);
  serve(20, 1s);
  EXPECT_GT(seconds(10), 9);
  serve(50, 20ms);
  EXPECT_LT(seconds(10), 1.1);
}

TEST_F(ServiceRateTest, AQueueThatIsServedNoMoreIsForecastToTakeLongButNoLongerThanTheMaximum) {
  rate_.advance(now_, false);
  serve(100, 10ms);
  now_ += 8s;
  rate_.advance(now_, true);
  EXPECT_GT(seconds(100), 4);
  EXPECT_EQ(rate_.forecast(1e12), ServiceRate::kForecastMax);
}

}  // namespace
}  // namespace cachey
