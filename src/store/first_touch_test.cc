#include "store/first_touch.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "rt/testing/virtual_worker.h"
#include "store/memory_tier.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

template <typename Condition>
[[nodiscard]] bool comes_true(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

TEST(FirstTouch, WorksUntilThereIsNothingLeftAndAgainAfterAWake) {
  std::atomic<int> left{3};
  std::atomic<int> calls{0};
  FirstTouch touch([&] {
    ++calls;
    return --left >= 0;
  });
  std::this_thread::sleep_for(1ms);
  EXPECT_EQ(calls, 0);
  touch.wake();
  EXPECT_TRUE(comes_true([&] { return calls == 4; }));
  left = 1;
  touch.wake();
  EXPECT_TRUE(comes_true([&] { return calls == 6; }));
}

TEST(FirstTouch, EndsInTheMiddle) {
  std::atomic<int> calls{0};
  {
    FirstTouch touch([&] {
      ++calls;
      return true;
    });
    touch.wake();
    EXPECT_TRUE(comes_true([&] { return calls > 10; }));
  }
  const int ended = calls;
  std::this_thread::sleep_for(1ms);
  EXPECT_EQ(calls, ended);
}

/// How many 4 KiB units of the page have memory of the system.
size_t touched_pages(const Evictable& page) {
  size_t touched = 0;
  iovec parts[16];
  for (const iovec& part : std::span(parts, page.gather({0, page.memory_bytes()}, parts))) {
    std::vector<unsigned char> present(part.iov_len / kUnitBytes);
    EXPECT_EQ(::mincore(part.iov_base, part.iov_len, present.data()), 0);
    for (const unsigned char each : present) touched += each & 1;
  }
  return touched;
}

class TouchesAheadTest : public ::testing::Test {
 protected:
  void make_tier(uint64_t limit, bool touches_ahead) {
    tier_.emplace(MemoryTierConfig{.limit_bytes = limit, .touches_ahead = touches_ahead},
                  std::make_unique<S3Fifo>(), virtual_.clock());
  }
  TestPagePtr allocate(uint64_t bytes) {
    TestPagePtr page(new TestPage(++hash_));
    EXPECT_TRUE(virtual_.run(tier_->allocate(virtual_.worker(), *page, bytes)));
    return page;
  }

  rt::VirtualWorker virtual_;
  std::optional<MemoryTier> tier_;
  uint64_t hash_ = 0;
};

TEST_F(TouchesAheadTest, TheNextPageIsTouchedBeforeItsFill) {
  make_tier(kGiB, true);
  const TestPagePtr first = allocate(Arena::kSlabBytes);
  ASSERT_TRUE(comes_true([&] { return tier_->has_touched(UINT64_MAX); }));
  const TestPagePtr second = allocate(Arena::kSlabBytes);
  EXPECT_EQ(touched_pages(*second), Arena::kUnitsPerSlab);
}

TEST_F(TouchesAheadTest, WithoutItMemoryIsTouchedByFills) {
  make_tier(kGiB, false);
  EXPECT_TRUE(tier_->has_touched(UINT64_MAX));
  (void)allocate(Arena::kSlabBytes);
  EXPECT_TRUE(tier_->has_touched(UINT64_MAX));
  EXPECT_EQ(touched_pages(*allocate(Arena::kSlabBytes)), 0u);
}

TEST_F(TouchesAheadTest, ItNeverTakesMemoryFromPages) {
  constexpr uint64_t kPages = 6;
  make_tier(kPages * kPageBytes, true);
  std::vector<TestPagePtr> pages;
  while (pages.size() < kPages) {
    pages.push_back(allocate(kPageBytes));
    ASSERT_TRUE(comes_true([&] { return tier_->has_touched(UINT64_MAX); }));
  }
  for (const TestPagePtr& page : pages) tier_->publish(*page);
  EXPECT_EQ(tier_->stats().evictions, 0u);
  EXPECT_EQ(tier_->used_bytes(), kPages * kPageBytes);
}

TEST(ArenaTouch, TouchesMoreTheMoreIsInUse) {
  Arena arena(128 * kPageBytes);
  int owner = 0;
  const auto touch_all = [&] {
    while (const std::optional<uint32_t> slab = arena.take_to_touch()) arena.put_touched(*slab);
  };
  touch_all();
  EXPECT_EQ(arena.touched_slabs(), 2u);
  Extents extents;
  ASSERT_TRUE(arena.allocate(kPageBytes, &owner, extents));
  touch_all();
  EXPECT_EQ(arena.touched_slabs(), 8u + 2);
  Extents more;
  ASSERT_TRUE(arena.allocate(8 * kPageBytes, &owner, more));
  touch_all();
  EXPECT_EQ(arena.touched_slabs(), Arena::kTouchedMax);
}

TEST(ArenaTouch, TouchesNothingPastTheLimit) {
  Arena arena(128 * kPageBytes);
  arena.set_limit(Arena::kSlabBytes);
  EXPECT_FALSE(arena.lacks_touched());
  EXPECT_FALSE(arena.take_to_touch().has_value());
}

}  // namespace
}  // namespace cachey::store
