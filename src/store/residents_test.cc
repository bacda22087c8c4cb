#include "store/residents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "base/hash.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;
using Step = Residents::Step;
using LiveReaders = Residents::LiveReaders;

constexpr auto kPatience = 1000ms;
constexpr uint64_t kSlab = Arena::kSlabBytes;

class ResidentsTest : public ::testing::Test {
 protected:
  void use(uint64_t limit) {
    residents_ = std::make_unique<Residents>(limit, std::make_unique<S3Fifo>(), kPatience);
  }

  /// One step, with the checks that hold for each.
  Step step(Residents::Request& request, LiveReaders live_readers = LiveReaders::kSpare) {
    Residents::Evicted evicted;
    const Step result = residents_->allocate(request, now_, live_readers, evicted);
    EXPECT_LE(evicted.size(), Residents::kEvictionsMax);
    ++steps_;
    for (const EvictablePtr& page : evicted) {
      page->on_evicted();
      ++evicted_pages_;
      evicted_bytes_ += Arena::rounded(page->memory_bytes());
    }
    return result;
  }

  /// Steps until the page has memory. False: no page can be evicted.
  bool place(TestPage& page, uint64_t bytes, LiveReaders live_readers = LiveReaders::kSpare) {
    steps_ = evicted_pages_ = evicted_bytes_ = 0;
    Residents::Request request{page, bytes};
    Step result = Step::kAgain;
    while (result == Step::kAgain) result = step(request, live_readers);
    residents_->give_back(request);
    return result == Step::kDone;
  }

  /// A page that is being filled.
  TestPagePtr filling(uint64_t bytes) {
    TestPagePtr page(new TestPage(spread(++pages_)));
    EXPECT_TRUE(place(*page, bytes));
    return page;
  }

  TestPagePtr whole(uint64_t bytes) {
    TestPagePtr page = filling(bytes);
    residents_->insert(*page);
    return page;
  }

  std::vector<TestPagePtr> whole(size_t count, uint64_t bytes) {
    std::vector<TestPagePtr> pages;
    while (pages.size() < count) pages.push_back(whole(bytes));
    return pages;
  }

  /// Fills the memory with pages `turns` times, with hits in between, as in a cache that has run
  /// for a while. One page in `stuck_in` stays under way (0: none).
  std::vector<TestPagePtr> age(uint64_t limit, uint64_t bytes, double turns, uint32_t stuck_in) {
    std::mt19937 random(1);
    std::vector<TestPagePtr> slots(limit / bytes);
    std::vector<TestPagePtr> stuck;
    const auto total = static_cast<size_t>(static_cast<double>(slots.size()) * turns);
    for (size_t i = 0; i < total; ++i) {
      TestPagePtr page = filling(bytes);
      if (stuck_in != 0 && random() % stuck_in == 0) {
        stuck.push_back(std::move(page));
      } else {
        residents_->insert(*page);
        slots[random() % slots.size()] = std::move(page);
      }
      for (int hit = 0; hit < 2; ++hit) {
        if (const TestPagePtr& any = slots[random() % slots.size()]) any->touch();
      }
    }
    return stuck;
  }

  MonoTime now_{1h};
  uint64_t pages_ = 0;
  size_t steps_ = 0;
  size_t evicted_pages_ = 0;
  uint64_t evicted_bytes_ = 0;
  std::unique_ptr<Residents> residents_;
};

/// 18 idle pages in the main queue, two in the small one.
class TwoQueues : public ResidentsTest {
 protected:
  TwoQueues() {
    use(20 * kPageBytes);
    main_ = whole(18, kPageBytes);
    for (const TestPagePtr& page : main_) {
      page->touch();
      page->touch();
    }
    small_ = whole(2, kPageBytes);
    small_.push_back(whole(kPageBytes));  // moves the used pages to the main queue
    EXPECT_TRUE(small_.front()->evicted());
    small_.erase(small_.begin());
  }
  [[nodiscard]] static size_t evicted(const std::vector<TestPagePtr>& pages) {
    return static_cast<size_t>(std::ranges::count_if(pages, &TestPage::evicted, &TestPagePtr::get));
  }

  std::vector<TestPagePtr> main_;
  std::vector<TestPagePtr> small_;
};

TEST_F(TwoQueues, IdlePagesGoWhileTheSmallQueueIsHeld) {
  for (const TestPagePtr& page : small_) ASSERT_TRUE(residents_->hold(*page));
  for (size_t i = 1; i <= main_.size(); ++i) {
    (void)filling(kPageBytes);
    EXPECT_EQ(evicted(main_), i);
  }
  EXPECT_EQ(evicted(small_), 0u);
  TestPage page(1);
  EXPECT_FALSE(place(page, kPageBytes)) << "all pages are held or being filled";
  residents_->end_hold(*small_[1]);
  EXPECT_TRUE(place(page, kPageBytes));
  EXPECT_TRUE(small_[1]->evicted());
  residents_->end_hold(*small_[0]);
}

TEST_F(TwoQueues, IdlePagesGoBeforePagesWithALiveReader) {
  for (const TestPagePtr& page : small_) page->reading_began(now_);
  for (size_t i = 1; i <= main_.size(); ++i) {
    TestPage page(i);
    EXPECT_TRUE(place(page, kPageBytes, LiveReaders::kEvict)) << "even if it may rob readers";
    EXPECT_EQ(evicted(main_), i);
  }
  EXPECT_EQ(evicted(small_), 0u);
  TestPage page(1);
  EXPECT_FALSE(place(page, kPageBytes));
  EXPECT_TRUE(place(page, kPageBytes, LiveReaders::kEvict));
  EXPECT_EQ(evicted(small_), 1u);
}

TEST_F(ResidentsTest, AHeldPageIsTheNextCandidateAtTheEndOfItsHold) {
  use(3 * kPageBytes);
  const auto pages = whole(3, kPageBytes);
  ASSERT_TRUE(residents_->hold(*pages[0]));
  ASSERT_TRUE(residents_->hold(*pages[0]));
  (void)whole(kPageBytes);
  EXPECT_FALSE(pages[0]->evicted());
  EXPECT_TRUE(pages[1]->evicted());
  residents_->end_hold(*pages[0]);
  (void)whole(kPageBytes);
  EXPECT_FALSE(pages[0]->evicted()) << "one hold is left";
  EXPECT_TRUE(pages[2]->evicted());
  residents_->end_hold(*pages[0]);
  (void)whole(kPageBytes);
  EXPECT_TRUE(pages[0]->evicted());
}

TEST_F(ResidentsTest, APageThatWasReadIsTheNextCandidateAfterItsReadersTime) {
  use(3 * kPageBytes);
  const auto pages = whole(3, kPageBytes);
  pages[0]->reading_began(now_);
  (void)whole(kPageBytes);
  EXPECT_FALSE(pages[0]->evicted());
  now_ += kPatience / 2;
  EXPECT_FALSE(pages[0]->reading_ended());
  (void)whole(kPageBytes);
  EXPECT_FALSE(pages[0]->evicted());
  now_ += kPatience / 2;
  (void)whole(kPageBytes);
  EXPECT_TRUE(pages[0]->evicted());
}

TEST_F(ResidentsTest, AnIdlePageThatWasSetAsideIsFoundIfThereIsNoOther) {
  use(kPageBytes);
  const TestPagePtr page = whole(kPageBytes);
  ASSERT_TRUE(page->try_pin());
  TestPage other(1);
  EXPECT_FALSE(place(other, kPageBytes));
  page->unpin();
  now_ += 10ms;  // long before kPatience
  EXPECT_TRUE(place(other, kPageBytes));
  EXPECT_TRUE(page->evicted());
}

TEST_F(ResidentsTest, ADoomedPageIsFreedAtTheEndOfItsHold) {
  use(kPageBytes);
  const TestPagePtr page = whole(kPageBytes);
  ASSERT_TRUE(residents_->hold(*page));
  TestPage other(1);
  EXPECT_FALSE(place(other, kPageBytes));
  const EvictablePtr removed = residents_->remove(*page);
  residents_->release_if_unpinned(*page);
  EXPECT_EQ(residents_->arena().used_bytes(), kPageBytes);
  residents_->end_hold(*page);
  residents_->release_if_unpinned(*page);
  EXPECT_EQ(residents_->arena().used_bytes(), 0u);
}

/// Slabs are emptied without evicting in vain: the pages beside a pinned one stay.
TEST_F(ResidentsTest, ASlabWithAPinnedPageIsLeftAlone) {
  use(8 * kSlab);
  const auto pages = whole(8 * 32, kSlab / 32);
  // The pages of a slab are side by side. Half of each slab goes, and more of the first one.
  std::vector<TestPagePtr> first;
  for (size_t i = 0; i < pages.size(); ++i) {
    if (i % 2 == 0 || (i < 32 && i % 4 == 1)) {
      const EvictablePtr removed = residents_->remove(*pages[i]);
      residents_->release_if_unpinned(*pages[i]);
    } else if (i < 32) {
      first.push_back(pages[i]);
    }
  }
  ASSERT_TRUE(first.back()->try_pin());
  (void)filling(kSlab);
  EXPECT_EQ(evicted_pages_, 16u) << "of another slab";
  EXPECT_FALSE(std::ranges::any_of(first, &TestPage::evicted, &TestPagePtr::get));
  first.back()->unpin();
}

TEST_F(ResidentsTest, AnAllocationEvictsAtMostTwiceItsSizeInBoundedSteps) {
  constexpr uint64_t kLimit = 256 * kMiB;
  use(kLimit);
  (void)age(kLimit, 4 * kKiB, 2, 0);
  std::vector<TestPagePtr> large;
  for (int i = 0; i < 8; ++i) {
    large.push_back(whole(kPageBytes));
    EXPECT_LE(evicted_bytes_, 2 * kPageBytes + kSlab) << i;
    if (i > 0) EXPECT_LE(evicted_bytes_, kPageBytes + kSlab) << "what is free in pieces stays so";
    EXPECT_LE(steps_, 2 * evicted_pages_ / Residents::kEvictionsMax + 16);
  }
}

TEST_F(ResidentsTest, StuckFillsMakeAnAllocationEvictNoMore) {
  constexpr uint64_t kLimit = 256 * kMiB;
  use(kLimit);
  const auto stuck = age(kLimit, 4 * kKiB, 2, 500);
  EXPECT_GT(stuck.size(), 200u);
  std::vector<TestPagePtr> large;
  for (int i = 0; i < 8; ++i) {
    large.push_back(whole(kPageBytes));
    EXPECT_LE(evicted_bytes_, 2 * kPageBytes + kSlab) << i;
  }
}

/// Each slab has an extent of a fill under way. A large page waits, and does not evict in vain.
TEST_F(ResidentsTest, AnAllocationThatCannotSucceedStopsEvicting) {
  use(16 * kSlab);
  std::vector<TestPagePtr> fills;
  for (int i = 0; i < 32; ++i) fills.push_back(filling(kSlab / 2));
  std::vector<TestPagePtr> beside;
  for (size_t i = 1; i <= 16; ++i) {  // two pages of a slab follow each other
    residents_->insert(*fills[i]);
    beside.push_back(std::move(fills[i]));
    fills.erase(fills.begin() + static_cast<std::ptrdiff_t>(i));
  }
  TestPage page(1);
  EXPECT_FALSE(place(page, kPageBytes));
  EXPECT_LE(evicted_bytes_, kPageBytes + kSlab);
  EXPECT_FALSE(place(page, kPageBytes));
  EXPECT_EQ(evicted_bytes_, 0u);
  for (const TestPagePtr& fill : fills) residents_->insert(*fill);
  EXPECT_TRUE(place(page, kPageBytes));
}

TEST_F(ResidentsTest, AnAllocationKeepsWhatEarlierStepsTook) {
  use(16 * kSlab);
  const auto pages = whole(16 * 512, 4 * kKiB);
  TestPage page(1);
  Residents::Request request{page, 2 * kSlab};
  ASSERT_EQ(step(request), Step::kAgain);
  while (request.extents.empty()) ASSERT_EQ(step(request), Step::kAgain);
  const Extent first = request.extents[0];
  (void)filling(4 * kKiB);
  ASSERT_EQ(step(request), Step::kAgain);
  EXPECT_EQ(request.extents[0].data, first.data);
  const uint64_t used = residents_->arena().used_bytes();
  residents_->give_back(request);
  EXPECT_EQ(residents_->arena().used_bytes(), used - kSlab);
}

TEST_F(ResidentsTest, ALowerLimitEvictsAndGivesMemoryBackSlabBySlab) {
  use(16 * kSlab);
  const auto pages = whole(16, kSlab);
  residents_->set_limit(12 * kSlab);
  TestPage page(1);
  Residents::Request request{page, kSlab};
  Arena& arena = residents_->arena();
  while (step(request) == Step::kAgain) {
    while (const auto slab = arena.take_past_limit()) {
      arena.uncommit(*slab);
      arena.put_uncommitted(*slab);
    }
  }
  EXPECT_EQ(arena.committed_bytes(), 12 * kSlab);
  EXPECT_EQ(evicted_pages_, 5u);
}

TEST_F(ResidentsTest, TheReserveIsForLargePagesAndIsRestored) {
  constexpr uint64_t kLimit = 256 * kMiB;
  use(kLimit);
  ASSERT_EQ(residents_->arena().reserve_slabs(), 1u);
  (void)age(kLimit, 64 * kKiB, 2, 0);
  EXPECT_EQ(residents_->arena().free_slabs(), 1u);
  EXPECT_FALSE(residents_->start_keeping_ahead());
  (void)filling(kSlab);
  EXPECT_EQ(evicted_pages_, 0u);
  EXPECT_EQ(residents_->arena().free_slabs(), 0u);
  ASSERT_TRUE(residents_->start_keeping_ahead());
  EXPECT_FALSE(residents_->start_keeping_ahead()) << "one caller at a time";
  Step kept = Step::kAgain;
  while (kept == Step::kAgain) {
    Residents::Evicted evicted;
    kept = residents_->keep_ahead(now_, evicted);
    EXPECT_LE(evicted.size(), Residents::kEvictionsMax);
  }
  EXPECT_EQ(kept, Step::kDone);
  EXPECT_EQ(residents_->arena().free_slabs(), 1u);
}

TEST_F(ResidentsTest, ASmallPageGetsTheReserveIfNothingElseIsLeft) {
  constexpr uint64_t kLimit = 256 * kMiB;
  use(kLimit);
  const uint64_t held = kLimit - residents_->arena().reserve_slabs() * kSlab;
  std::vector<TestPagePtr> fills;
  for (uint64_t bytes = 0; bytes < held; bytes += kSlab) fills.push_back(filling(kSlab));
  EXPECT_EQ(residents_->arena().free_slabs(), 1u);
  (void)filling(4 * kKiB);
  EXPECT_EQ(residents_->arena().free_slabs(), 0u);
}

/// Small fills under way that end in random order, among pages of the same size.
TEST_F(ResidentsTest, ManySmallFillsUnderWayStayInAQuarterOfTheSlabs) {
  constexpr uint64_t kLimit = 256 * kMiB;
  constexpr size_t kUnderWay = 256;
  use(kLimit);
  (void)age(kLimit, 64 * kKiB, 2, 0);
  std::mt19937 random(1);
  std::vector<TestPagePtr> fills;
  for (int i = 0; i < 20'000; ++i) {
    fills.push_back(filling(64 * kKiB));
    EXPECT_LE(evicted_bytes_, kSlab);
    if (fills.size() <= kUnderWay) continue;
    std::swap(fills[random() % fills.size()], fills.back());
    residents_->insert(*fills.back());
    fills.pop_back();
  }
  std::vector<uintptr_t> slabs;
  for (const TestPagePtr& fill : fills)
    slabs.push_back(reinterpret_cast<uintptr_t>(fill->writable(0).data()) / kSlab);
  std::ranges::sort(slabs);
  const auto repeated = std::ranges::unique(slabs);
  slabs.erase(repeated.begin(), repeated.end());
  EXPECT_LE(slabs.size(), kLimit / kSlab / 4 + 4);
  TestPage large(1);
  EXPECT_TRUE(place(large, kPageBytes));
  EXPECT_LE(evicted_bytes_, 2 * kPageBytes + kSlab);
}

}  // namespace
}  // namespace cachey::store
