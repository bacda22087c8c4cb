#include "store/disk/region_health.h"

#include <gtest/gtest.h>

#include <vector>

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kChunkUnits = kPageBytes / kUnitBytes;
constexpr uint32_t kFirst = 128;

class Regions : public ::testing::Test {
 protected:
  static uint64_t unit_of(uint32_t region) { return kFirst + uint64_t{region} * kChunkUnits + 7; }
  RegionHealth::Failure fail_all(uint32_t region) {
    auto last = RegionHealth::Failure::kCounted;
    for (int i = 0; i < RegionHealth::kFailuresMax; ++i) {
      last = health_.failed(unit_of(region), DiskDirection::kRead, now_);
    }
    return last;
  }
  /// The checks that are due, all of which succeed.
  size_t checks() {
    size_t count = 0;
    while (const auto probe = health_.take_probe(now_)) {
      EXPECT_TRUE(probe->check);
      EXPECT_FALSE(health_.probed(*probe, true, now_));
      ++count;
    }
    return count;
  }
  RegionHealth::Probe until_probe() {
    const MonoTime began = now_;
    auto probe = health_.take_probe(now_);
    for (; !probe; probe = health_.take_probe(now_)) now_ += 1s;
    EXPECT_FALSE(probe->check);
    waited_ = now_ - began;
    return *probe;
  }

  RegionHealth health_{DiskRegions(kFirst, kFirst + 16 * kChunkUnits)};
  MonoTime now_{1'000s};
  std::chrono::nanoseconds waited_{0};
};

TEST_F(Regions, AreAtMost64OfWholeChunksAndASmallDeviceHasNone) {
  const DiskRegions large(kFirst, kFirst + 130 * kChunkUnits);
  EXPECT_EQ(large.count(), 44u);  // of 3 chunks
  EXPECT_EQ(large.region_of(kFirst + 3 * kChunkUnits), 1u);
  EXPECT_EQ(large.region_of(kFirst + 130 * kChunkUnits - 1), 43u);
  EXPECT_EQ(large.region_of(kFirst + 130 * kChunkUnits), std::nullopt);
  EXPECT_EQ(large.region_of(kFirst - 1), std::nullopt);
  EXPECT_EQ(DiskRegions(kFirst, kFirst + 7 * kChunkUnits).bit_of(kFirst), 0u);
  EXPECT_EQ(DiskRegions(0, UINT32_MAX).count(), DiskRegions::kRegionsMax);
}

TEST_F(Regions, SomeFailuresTakeOneOutAndTheOthersAreChecked) {
  EXPECT_EQ(fail_all(5), RegionHealth::Failure::kWentOut);
  EXPECT_EQ(health_.out(), 1u << 5);
  EXPECT_TRUE(health_.is_out(unit_of(5)));
  EXPECT_FALSE(health_.is_out(unit_of(4)));
  EXPECT_EQ(health_.failed(unit_of(5), DiskDirection::kRead, now_), RegionHealth::Failure::kWasOut);
  EXPECT_EQ(checks(), 15u);
  (void)fail_all(6);
  EXPECT_EQ(checks(), 0u) << "not again soon";
}

TEST_F(Regions, ASuccessOfTheSameDirectionEndsTheCount) {
  for (int i = 0; i < 100; ++i) {
    (void)health_.failed(unit_of(5), DiskDirection::kWrite, now_);
    health_.succeeded(unit_of(5), DiskDirection::kWrite);
  }
  EXPECT_EQ(health_.out(), 0u);
  for (int i = 0; i < RegionHealth::kFailuresMax; ++i) {
    (void)health_.failed(unit_of(5), DiskDirection::kWrite, now_);
    health_.succeeded(unit_of(5), DiskDirection::kRead);
  }
  EXPECT_EQ(health_.out(), 1u << 5) << "reads say nothing about writes";
}

TEST_F(Regions, ACheckThatFailsTakesItsRegionOut) {
  (void)fail_all(5);
  std::vector<RegionHealth::Probe> taken;
  while (const auto probe = health_.take_probe(now_)) taken.push_back(*probe);
  ASSERT_EQ(taken.size(), 15u);
  for (const RegionHealth::Probe& probe : taken) {
    EXPECT_EQ(health_.probed(probe, probe.region > 7, now_), probe.region <= 7);
    EXPECT_EQ(health_.too_many_out(), health_.count_out() >= 8);
  }
  EXPECT_EQ(health_.out(), 0xffu);
}

TEST_F(Regions, ProbesGoWhereTheFailureWasAndBecomeRarerUpToALimit) {
  (void)fail_all(5);
  (void)checks();
  RegionHealth::Probe probe = until_probe();
  EXPECT_EQ(waited_, RegionHealth::kProbes.first);
  EXPECT_EQ(probe.unit, unit_of(5));
  EXPECT_FALSE(health_.take_probe(now_ + 1h)) << "one at a time";
  for (int i = 0; i < 12; ++i) {
    EXPECT_FALSE(health_.probed(probe, false, now_));
    probe = until_probe();
  }
  EXPECT_EQ(waited_, RegionHealth::kProbes.longest);
  EXPECT_TRUE(health_.probed(probe, true, now_));
  EXPECT_EQ(health_.out(), 0u);
}

TEST_F(Regions, ARegionThatFlapsIsProbedMoreRarelyFromTimeToTime) {
  std::chrono::nanoseconds last{0};
  for (int i = 0; i < 6; ++i) {
    (void)fail_all(5);
    (void)checks();
    const RegionHealth::Probe probe = until_probe();
    EXPECT_GT(waited_, last);
    last = waited_;
    EXPECT_TRUE(health_.probed(probe, true, now_));
    now_ += 20s;
  }
  now_ += RegionHealth::kProbes.steady_after;
  (void)fail_all(5);
  (void)checks();
  (void)until_probe();
  EXPECT_EQ(waited_, RegionHealth::kProbes.first) << "after the region was well for a while";
}

}  // namespace
}  // namespace cachey::store
