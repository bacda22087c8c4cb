#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "base/units.h"
#include "rt/testing/virtual_worker.h"
#include "store/memory_metrics.h"
#include "store/memory_tier.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

// Only requests that wait for memory are in the histograms of waits.

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

class MemoryWaitsTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kLimit = 4 * kPageBytes;

  static MemoryTierConfig config(Metrics& metrics) {
    MemoryTierConfig config;
    config.limit_bytes = kLimit;
    config.admission_timeout = 200ms;
    config.reader_patience = 1s;
    return with_metrics(config, metrics);
  }
  /// What was counted for the place.
  FineHistogram::Snapshot waits(const char* place) {
    return metrics_
        .fine_histogram("cachey_memory_wait_seconds", "", latency_bounds(), {{"place", place}})
        .snapshot();
  }

  rt::VirtualWorker world_;
  Metrics metrics_;
  MemoryTier tier_{config(metrics_), std::make_unique<S3Fifo>(), world_.clock()};
};

TEST_F(MemoryWaitsTest, AnAdmissionThatWaitsCountsWithItsTime) {
  std::optional<Admission> held = tier_.bodies().try_admit("held", tier_.bodies().limit_bytes());
  ASSERT_TRUE(held);
  EXPECT_EQ(waits("page").count(), 0u) << "admitted at once";
  const auto waits_well = world_.start(tier_.bodies().admit(world_.worker(), "b", kMiB));
  world_.pass(60ms);
  held.reset();
  world_.pass(rt::TimerWheel::kTick);
  ASSERT_TRUE(*waits_well && (*waits_well)->has_value());
  EXPECT_EQ(waits("page").count(), 1u);
  EXPECT_NEAR(static_cast<double>(waits("page").sum()), 60e6, 20e6);
  EXPECT_EQ(waits("fill").count() + waits("disk_read").count() + waits("allocation").count(), 0u);
}

TEST_F(MemoryWaitsTest, AnAdmissionThatWaitsInVainCountsToo) {
  const auto held = tier_.pieces().try_admit("held", tier_.pieces().limit_bytes());
  ASSERT_TRUE(held);
  const auto refused = world_.run(tier_.pieces().admit(world_.worker(), "b", kMiB));
  EXPECT_FALSE(refused);
  EXPECT_EQ(waits("disk_read").count(), 1u);
  EXPECT_GE(waits("disk_read").sum(), 200'000'000u);
}

TEST_F(MemoryWaitsTest, AnAllocationThatWaitsForReadersCounts) {
  TestPagePtr pages[4];
  for (uint64_t i = 0; i < 4; ++i) {
    pages[i] = TestPagePtr(new TestPage(i));
    ASSERT_TRUE(world_.run(tier_.allocate(world_.worker(), *pages[i], kLimit / 4 - kMiB)));
    tier_.publish(*pages[i]);
    ASSERT_TRUE(pages[i]->try_pin());
  }
  EXPECT_EQ(waits("allocation").count(), 0u);
  TestPage page(9);
  EXPECT_FALSE(world_.run(tier_.allocate(world_.worker(), page, kPageBytes)));
  EXPECT_EQ(waits("allocation").count(), 1u);
  EXPECT_GE(waits("allocation").sum(), 200'000'000u);
  for (const TestPagePtr& pinned : pages) pinned->unpin();
}

}  // namespace
}  // namespace cachey::store
