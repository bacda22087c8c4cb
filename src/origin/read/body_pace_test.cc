#include "origin/read/body_pace.h"

#include <gtest/gtest.h>

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{};
constexpr double kOneSecondAPage = 1.0 / static_cast<double>(kPageBytes);
constexpr double kGood = 1 / BodyPace::kBytesPerSecondGood;

TEST(BodyPace, SaysNothingBeforeTheFirstBody) { EXPECT_FALSE(BodyPace(kStart).view(kStart + 1h)); }

TEST(BodyPace, ABodyAtAGoodPaceIsNotHeldAgainstTheBucket) {
  BodyPace pace(kStart);
  for (int i = 0; i < 100; ++i) pace.add(kPageBytes, 800ms, kStart);
  EXPECT_EQ(pace.view(kStart).value().mean, 0);
  EXPECT_EQ(pace.view(kStart).value().slowness, 0);
}

TEST(BodyPace, IsTheMeanBeyondAGoodPace) {
  BodyPace pace(kStart);
  for (int i = 0; i < 500; ++i) {
    pace.add(kPageBytes, 6s, kStart);
    pace.add(kPageBytes, 10s, kStart);
  }
  const double mean = 8 * kOneSecondAPage - kGood;
  EXPECT_NEAR(pace.view(kStart).value().mean, mean, 1e-12);
  EXPECT_NEAR(pace.view(kStart).value().slowness, mean, 0.01 * mean);
}

TEST(BodyPace, SmallBodiesDoNotCount) {
  BodyPace pace(kStart);
  pace.add(BodyPace::kBytesMin - 1, 1h, kStart);
  EXPECT_FALSE(pace.view(kStart));
}

TEST(BodyPace, OneBodySaysHalfAndAnOldOneNothing) {
  BodyPace pace(kStart);
  pace.add(kPageBytes, 8s, kStart);
  const double mean = 8 * kOneSecondAPage - kGood;
  EXPECT_NEAR(pace.view(kStart).value().slowness, mean / 2, 1e-12);
  EXPECT_LT(pace.view(kStart + 2min).value().slowness, mean / 6);
  EXPECT_FALSE(pace.view(kStart + 3min));
  EXPECT_FALSE(pace.view(kStart + 1000h));
}

}  // namespace
}  // namespace cachey::origin
