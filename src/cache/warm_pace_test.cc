#include "cache/warm_pace.h"

#include <gtest/gtest.h>

#include "rt/testing/virtual_worker.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

/// Readers ask for a page each millisecond; timers fire as late as `late` says at each rate.
class WarmRateTest : public ::testing::Test {
 protected:
  template <typename Late>
  void pass(std::chrono::seconds time, const Late& late) {
    for (const MonoTime end = now_ + time; now_ < end; now_ += 1ms) {
      rate_.fired_late(late(rate_.bytes_per_second()));
      rate_.look(now_, ++reads_);
      while (rate_.take(now_, kMiB) == 0ns) begun_ += kMiB;
    }
  }

  WarmRate rate_;
  MonoTime now_{1h};
  uint64_t reads_ = 0;
  uint64_t begun_ = 0;
};

std::chrono::nanoseconds idle(uint64_t) { return 60us; }

/// Late beyond one and a half GiB a second.
std::chrono::nanoseconds loaded(uint64_t rate) { return rate > 1536 * kMiB ? 3ms : 80us; }

TEST_F(WarmRateTest, WithoutReadersThereIsNoLimit) {
  rate_.look(now_, 0);
  EXPECT_FALSE(rate_.is_limited());
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(rate_.take(now_, 16 * kMiB), 0ns);
}

TEST_F(WarmRateTest, BesideReadersItGrowsUntilTheyNotice) {
  pass(60s, loaded);
  EXPECT_TRUE(rate_.is_limited());
  EXPECT_GT(rate_.bytes_per_second(), 900 * kMiB);
  EXPECT_LT(rate_.bytes_per_second(), 1900 * kMiB);
  EXPECT_GT(begun_ / 60, 800 * kMiB);
  EXPECT_LT(begun_ / 60, 1536 * kMiB);
}

/// One timer in twenty is late beyond a GiB a second.
TEST_F(WarmRateTest, GrowsOnlyUntilTheTailOfTheTimersIsLate) {
  int timers = 0;
  pass(60s, [&timers](uint64_t rate) -> std::chrono::nanoseconds {
    return rate > kGiB && ++timers % 20 == 0 ? 1ms : 60us;
  });
  EXPECT_GT(rate_.bytes_per_second(), 500 * kMiB);
  EXPECT_LT(rate_.bytes_per_second(), 1400 * kMiB);
}

TEST_F(WarmRateTest, ReadersThatGoTakeTheLimitAlong) {
  pass(5s, loaded);
  now_ += 2s;
  rate_.look(now_, reads_);
  EXPECT_FALSE(rate_.is_limited());
  rate_.look(now_, reads_ + 1);
  EXPECT_TRUE(rate_.is_limited());
  EXPECT_EQ(rate_.bytes_per_second(), WarmRate::kFirst);
}

TEST_F(WarmRateTest, AlwaysGoesOn) {
  pass(5s, idle);
  begun_ = 0;
  pass(20s, [](uint64_t) { return 50ms; });
  EXPECT_EQ(rate_.bytes_per_second(), WarmRate::kLeast);
  EXPECT_GT(begun_ / 20, WarmRate::kLeast / 2);
}

TEST_F(WarmRateTest, AMachineThatIsAlwaysLateDoesNotHoldItBackForever) {
  pass(5s, idle);
  pass(120s, [](uint64_t) { return 2ms; });
  EXPECT_GT(rate_.bytes_per_second(), WarmRate::kFirst);
}

TEST_F(WarmRateTest, SmallPagesCountAsMoreThanTheirBytes) {
  pass(20s, [](uint64_t) { return 50ms; });
  now_ += 1s;
  rate_.look(now_, ++reads_);
  ASSERT_EQ(rate_.take(now_, 1), 0ns);
  EXPECT_EQ(rate_.take(now_, 1),
            1'000'000'000ns / (rate_.bytes_per_second() / WarmRate::kPageCost));
}

/// Turns of one task beside readers, with touched memory from the look number `touched_at` on.
int looks_until_begun(int touched_at) {
  rt::VirtualWorker virtual_worker;
  int looks = 0;
  uint64_t reads = 0;
  WarmPace pace(
      virtual_worker.clock(), [&reads] { return ++reads; },
      [&](uint64_t) { return ++looks >= touched_at; });
  const bool stopped = false;
  bool begun = false;
  auto turn = [&]() -> rt::Task<bool> {
    co_await pace.turn(virtual_worker.worker(), kMiB, stopped);
    co_return begun = true;
  };
  (void)virtual_worker.run(turn());
  EXPECT_TRUE(begun);
  return looks;
}

TEST(WarmPaceTest, BesideReadersAPageWaitsForTouchedMemory) {
  EXPECT_EQ(looks_until_begun(1), 1);
  EXPECT_EQ(looks_until_begun(5), 5);
}

TEST(WarmPaceTest, APageDoesNotWaitForTouchedMemoryForever) {
  EXPECT_LT(looks_until_begun(1'000'000), 1000);
}

}  // namespace
}  // namespace cachey::cache
