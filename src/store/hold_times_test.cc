// How long the memory tier's mutex is held in the worst cases. CACHEY_HOLD_TIMES=full: at the sizes
// of docs/performance.md, with a line for each case.

#include "store/testing/hold_times.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "base/hash.h"
#include "rt/testing/virtual_worker.h"
#include "store/memory_tier.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

/// A tier of which no test writes to the pages: the memory is address space only.
class HoldTimesTest : public ::testing::Test {
 protected:
  void make_tier(uint64_t limit) {
    stuck_.clear();
    tier_.emplace(MemoryTierConfig{.limit_bytes = limit}, std::make_unique<S3Fifo>(),
                  virtual_.clock());
  }

  /// A page with memory, as a fill under way has.
  TestPagePtr allocate(uint64_t bytes) {
    TestPagePtr page(new TestPage(spread(++hash_)));
    const Result<void> allocated = virtual_.run(tier_->allocate(virtual_.worker(), *page, bytes));
    EXPECT_TRUE(allocated);
    return page;
  }
  void publish(uint64_t bytes) { tier_->publish(*allocate(bytes)); }

  /// Fills the tier until pages are evicted; one fill in `stuck_every` never ends.
  void age(uint64_t page_bytes, uint64_t stuck_every) {
    for (uint64_t i = 1; tier_->stats().evictions == 0; ++i) {
      TestPagePtr page = allocate(page_bytes);
      if (stuck_every != 0 && i % stuck_every == 0) {
        stuck_.push_back(std::move(page));
      } else {
        tier_->publish(*page);
      }
    }
  }

  /// Adds 60 pages of 16 MiB, one after the other. Returns the longest hold.
  HoldTimes::Duration add_large_pages() {
    tier_->hold_times().watch();
    for (int i = 0; i < 60; ++i) publish(kPageBytes);
    return tier_->hold_times().longest();
  }

  rt::VirtualWorker virtual_;
  std::optional<MemoryTier> tier_;
  std::vector<TestPagePtr> stuck_;
  uint64_t hash_ = 0;
};

TEST_F(HoldTimesTest, LargePagesAmongSmallOnesBesideStuckFills) {
  expect_short_holds("large pages into memory full of pages of 4 KiB, beside stuck fills", [&] {
    make_tier(full_scale() ? 4 * kGiB : 256 * kMiB);
    age(4 * kKiB, 3'000);
    return add_large_pages();
  });
}

TEST_F(HoldTimesTest, LargePagesInALargeArena) {
  expect_short_holds("large pages into memory full of pages of 64 KiB", [&] {
    make_tier(full_scale() ? 256 * kGiB : 4 * kGiB);
    age(64 * kKiB, 0);
    return add_large_pages();
  });
}

TEST_F(HoldTimesTest, ManyEvictionsThatAreRemembered) {
  expect_short_holds("the policy's memory of evicted pages grows", [&] {
    make_tier(full_scale() ? 8 * kGiB : 64 * kMiB);
    tier_->hold_times().watch();
    const uint64_t pages = tier_->limit_bytes() / (4 * kKiB) * 3;
    for (uint64_t i = 0; i < pages; ++i) publish(4 * kKiB);
    return tier_->hold_times().longest();
  });
}

TEST_F(HoldTimesTest, BookkeepingGrowsAtOnce) {
  expect_short_holds("half of memory is given back to the system", [&] {
    make_tier(full_scale() ? 4 * kGiB : 512 * kMiB);
    age(kMiB, 0);
    tier_->hold_times().watch();
    tier_->charge(static_cast<int64_t>(tier_->limit_bytes() / 2));
    publish(kMiB);
    tier_->charge(-static_cast<int64_t>(tier_->limit_bytes() / 2));
    return tier_->hold_times().longest();
  });
}

}  // namespace
}  // namespace cachey::store
