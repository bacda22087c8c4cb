#include "store/disk/health.h"

#include <gtest/gtest.h>

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

class Health : public ::testing::Test {
 protected:
  void fail_all() {
    for (int i = 0; i < DiskHealth::kFailuresMax; ++i) (void)health_.failed(now_);
  }
  /// Lets time pass until a probe is due, and returns this time.
  std::chrono::seconds until_probe() {
    std::chrono::seconds waited{0};
    while (!health_.take_probe(now_)) {
      now_ += 1s;
      waited += 1s;
    }
    return waited;
  }

  DiskHealth health_;
  MonoTime now_{1'000s};
};

TEST_F(Health, SomeFailuresInAShortTimeTakeTheDiskOffline) {
  for (int i = 1; i < DiskHealth::kFailuresMax; ++i) EXPECT_FALSE(health_.failed(now_));
  EXPECT_TRUE(health_.online());
  EXPECT_TRUE(health_.failed(now_));
  EXPECT_FALSE(health_.online());
  EXPECT_FALSE(health_.failed(now_)) << "once";
}

TEST_F(Health, RareFailuresDoNot) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(health_.failed(now_));
    now_ += DiskHealth::kWindow / 4;
  }
  EXPECT_TRUE(health_.online());
}

TEST_F(Health, ADiskThatMostlyWorksStaysOnline) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(health_.failed(now_));
    for (int success = 0; success < 3; ++success) health_.succeeded();
  }
  EXPECT_TRUE(health_.online());
  for (int i = 0; i < 300; ++i) (void)health_.failed(now_);
  EXPECT_FALSE(health_.online()) << "then it works less and less";
}

TEST_F(Health, ProbesBecomeRarerUpToALimit) {
  fail_all();
  EXPECT_EQ(until_probe(), 1s);
  EXPECT_FALSE(health_.take_probe(now_ + 1h)) << "one at a time";
  health_.probe_failed(now_);
  EXPECT_EQ(until_probe(), 2s);
  for (int i = 0; i < 10; ++i) {
    health_.probe_failed(now_);
    (void)until_probe();
  }
  health_.probe_failed(now_);
  EXPECT_EQ(until_probe(), DiskHealth::kProbes.longest);
}

TEST_F(Health, ADiskThatFlapsIsProbedMoreRarelyFromTimeToTime) {
  std::chrono::seconds last{0};
  for (int i = 0; i < 6; ++i) {
    fail_all();
    const std::chrono::seconds waited = until_probe();
    EXPECT_GT(waited, last);
    last = waited;
    health_.probe_succeeded(now_);
    EXPECT_TRUE(health_.online());
    now_ += DiskHealth::kWindow;
  }
  now_ += DiskHealth::kProbes.steady_after;
  fail_all();
  EXPECT_EQ(until_probe(), DiskHealth::kProbes.first) << "after it was well for a while";
}

}  // namespace
}  // namespace cachey::store
