#include "store/memory_tier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "rt/testing/virtual_worker.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

/// A tier of `limit` bytes, and a worker on a manual clock.
class MemoryTierTest : public ::testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kReaderPatience{50};

  MemoryTier& tier(uint64_t limit) {
    MemoryTierConfig config;
    config.limit_bytes = limit;
    config.admission_timeout = std::chrono::milliseconds(200);
    config.reader_patience = kReaderPatience;
    tier_ = std::make_unique<MemoryTier>(config, std::make_unique<S3Fifo>(), world_.clock());
    return *tier_;
  }

  Result<void> allocate(TestPage& page, uint64_t bytes) {
    return world_.run(tier_->allocate(world_.worker(), page, bytes));
  }

  [[nodiscard]] MonoTime now() { return world_.clock().mono(); }

  TestPagePtr published(uint64_t hash, uint64_t bytes) {
    TestPagePtr page(new TestPage(hash));
    EXPECT_TRUE(allocate(*page, bytes).has_value());
    tier_->publish(*page);
    return page;
  }

  rt::VirtualWorker world_;
  std::unique_ptr<MemoryTier> tier_;
};

TEST_F(MemoryTierTest, EvictsToMakeRoom) {
  MemoryTier& memory = tier(4 * kPageBytes);
  std::vector<TestPagePtr> pages;
  for (uint64_t i = 0; i < 6; ++i) pages.push_back(published(i, kPageBytes));
  EXPECT_TRUE(pages[0]->evicted());
  EXPECT_TRUE(pages[1]->evicted());
  EXPECT_FALSE(pages[0]->try_pin());
  EXPECT_FALSE(pages[5]->evicted());
  EXPECT_LE(memory.used_bytes(), memory.limit_bytes());
  EXPECT_EQ(memory.stats().evictions, 2u);
  EXPECT_EQ(memory.stats().pages, 4);
}

TEST_F(MemoryTierTest, WhatWasWrittenIsWhatIsGathered) {
  (void)tier(4 * kPageBytes);
  TestPagePtr page(new TestPage(1));
  const uint64_t bytes = 5 * kMiB + 12'345;
  ASSERT_TRUE(allocate(*page, bytes));
  for (uint64_t at = 0; at < bytes;) {
    const auto span = page->writable(at);
    for (size_t i = 0; i < span.size(); ++i)
      span[i] = static_cast<std::byte>((at + i) * 2654435761u >> 13);
    at += span.size();
  }
  ASSERT_TRUE(page->try_pin());
  iovec parts[16];
  uint64_t at = 3 * kMiB - 5;
  const size_t count = page->gather({at, bytes}, parts);
  for (const iovec& part : std::span(parts, count)) {
    for (size_t i = 0; i < part.iov_len; ++i, ++at) {
      ASSERT_EQ(static_cast<std::byte*>(part.iov_base)[i],
                static_cast<std::byte>(at * 2654435761u >> 13));
    }
  }
  EXPECT_EQ(at, bytes);
  page->unpin();
}

TEST_F(MemoryTierTest, APinnedPageStaysWhereItIs) {
  (void)tier(2 * kPageBytes);
  const TestPagePtr pinned = published(1, kPageBytes);
  const TestPagePtr other = published(2, kPageBytes);
  ASSERT_TRUE(pinned->try_pin());
  const TestPagePtr third = published(3, kPageBytes);
  EXPECT_FALSE(pinned->evicted());
  EXPECT_TRUE(other->evicted());
  pinned->unpin();
}

TEST_F(MemoryTierTest, AllocationsThatWaitDoNotKeepMemoryFromEachOther) {
  MemoryTier& memory = tier(4 * kPageBytes);
  std::vector<TestPagePtr> held;
  for (uint64_t i = 0; i < 4 * kPageBytes / Arena::kSlabBytes; ++i) {
    held.emplace_back(new TestPage(i));
    ASSERT_TRUE(allocate(*held.back(), Arena::kSlabBytes));
  }
  const auto end_slabs = [&](int count) {
    for (; count > 0; --count, held.pop_back()) {
      memory.publish(*held.back());
      memory.discard(*held.back());
    }
  };
  end_slabs(3);
  const TestPagePtr one(new TestPage(101));
  const auto first = world_.start(memory.allocate(world_.worker(), *one, kPageBytes));
  end_slabs(3);
  const TestPagePtr other(new TestPage(102));
  const auto second = world_.start(memory.allocate(world_.worker(), *other, kPageBytes));
  end_slabs(4);
  world_.pass(100ms);
  ASSERT_TRUE(first->has_value());
  EXPECT_TRUE(first->value().has_value());
  memory.publish(*one);
  world_.pass(100ms);
  ASSERT_TRUE(second->has_value());
  EXPECT_TRUE(second->value().has_value());
  memory.publish(*other);
  end_slabs(static_cast<int>(held.size()));
}

TEST_F(MemoryTierTest, ALiveReaderIsSparedAndAStuckOneIsNot) {
  (void)tier(2 * kPageBytes);
  const TestPagePtr read = published(1, kPageBytes);
  const TestPagePtr idle = published(2, kPageBytes);
  read->reading_began(now());
  (void)published(3, kPageBytes);
  EXPECT_FALSE(read->evicted());
  EXPECT_TRUE(idle->evicted());
  (void)published(4, kPageBytes);
  const TestPagePtr kept = published(5, kPageBytes);
  world_.pass(kReaderPatience / 2);
  kept->reading_began(now());
  (void)published(6, kPageBytes);  // waits until the first reader counts as stuck
  EXPECT_TRUE(read->evicted());
  EXPECT_FALSE(read->reading_ended());
  EXPECT_FALSE(kept->reading_ended());
}

TEST_F(MemoryTierTest, SmallPagesMakeRoomForALargeOneBySlabs) {
  MemoryTier& memory = tier(kPageBytes);
  std::vector<TestPagePtr> small;
  for (uint64_t i = 0; i < kPageBytes / (64 * kKiB); ++i) small.push_back(published(i, 64 * kKiB));
  EXPECT_EQ(memory.stats().evictions, 0u);
  const TestPagePtr large = published(9999, 2 * kMiB);
  EXPECT_LE(memory.stats().evictions,
            2 * 32u);  // the pages of one slab, and some before
}

TEST_F(MemoryTierTest, AHeldPageStaysAndIsTheNextToGoAfterwards) {
  (void)tier(2 * kPageBytes);
  const TestPagePtr held = published(1, kPageBytes);
  const TestPagePtr other = published(2, kPageBytes);
  {
    const auto hold = MemoryTier::hold(held);
    ASSERT_TRUE(hold);
    (void)published(3, kPageBytes);
    EXPECT_FALSE(held->evicted());
    EXPECT_TRUE(other->evicted());
    EXPECT_FALSE(MemoryTier::hold(other));
  }
  (void)published(4, kPageBytes);
  EXPECT_TRUE(held->evicted());
}

TEST_F(MemoryTierTest, ADiscardedPageIsFreedAtTheEndOfItsHold) {
  MemoryTier& memory = tier(2 * kPageBytes);
  const TestPagePtr page = published(1, kPageBytes);
  {
    const auto hold = MemoryTier::hold(page);
    memory.discard(*page);
    EXPECT_EQ(memory.used_bytes(), kPageBytes);
  }
  EXPECT_EQ(memory.used_bytes(), 0u);
}

TEST_F(MemoryTierTest, AnAllocationThatGivesUpKeepsNothing) {
  MemoryTier& memory = tier(kPageBytes);
  const TestPagePtr half = published(1, kPageBytes / 2);
  ASSERT_TRUE(half->try_pin());
  TestPage page(2);
  const Result<void> allocated = allocate(page, kPageBytes);
  ASSERT_FALSE(allocated);
  EXPECT_EQ(allocated.error().kind(), ErrorKind::kOverloaded);
  EXPECT_EQ(memory.refused(), 1u);
  EXPECT_EQ(memory.used_bytes(), kPageBytes / 2);
  half->unpin();
  EXPECT_TRUE(allocate(page, kPageBytes));
}

struct Progress {
  bool done = false;
  size_t turns = 0;  // of the worker's event loop
};

rt::Task<void> count_turns(rt::Worker& worker, Progress& progress) {
  while (!progress.done) {
    ++progress.turns;
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

rt::Task<bool> allocate_and_note(MemoryTier& memory, rt::Worker& worker, TestPage& page,
                                 Progress& progress) {
  const Result<void> allocated = co_await memory.allocate(worker, page, kPageBytes);
  progress.done = true;
  co_return allocated.has_value();
}

/// The first large page of a memory full of small ones evicts thousands.
TEST_F(MemoryTierTest, ALargeAllocationHoldsNeitherTheMutexNorItsWorkerForLong) {
  MemoryTier& memory = tier(128 * kMiB);
  for (uint64_t i = 0; i < 128 * kMiB / (4 * kKiB); ++i) (void)published(i, 4 * kKiB);
  memory.hold_times().watch();
  TestPage large(0);
  Progress progress;
  world_.worker().tasks().spawn(count_turns(world_.worker(), progress));
  EXPECT_TRUE(world_.run(allocate_and_note(memory, world_.worker(), large, progress)));
  EXPECT_GE(memory.stats().evictions, kPageBytes / (4 * kKiB));
  EXPECT_GE(progress.turns, 10u) << "others of the worker ran meanwhile";
  EXPECT_LT(memory.hold_times().longest(), 2ms);
}

TEST_F(MemoryTierTest, TheReserveOfFreeSlabsIsRestoredBesideTheAllocations) {
  MemoryTier& memory = tier(256 * kMiB);
  for (uint64_t i = 0; i < 16; ++i) (void)published(i, kPageBytes);
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_EQ(memory.stats().evictions, 1u) << "by a task, after the last page";
  EXPECT_EQ(world_.worker().tasks().size(), 0u);
  (void)published(16, kPageBytes);
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_EQ(memory.stats().evictions, 2u);
}

TEST_F(MemoryTierTest, ADiscardedPageIsFreedWithItsLastPin) {
  MemoryTier& memory = tier(2 * kPageBytes);
  const TestPagePtr page = published(1, kPageBytes);
  ASSERT_TRUE(page->try_pin());
  memory.discard(*page);
  EXPECT_FALSE(page->try_pin());
  EXPECT_EQ(memory.used_bytes(), kPageBytes);
  page->unpin();
  EXPECT_EQ(memory.used_bytes(), 0u);
  EXPECT_EQ(memory.stats().pages, 0);
}

TEST_F(MemoryTierTest, ADiscardedPageStaysForItsReaders) {
  MemoryTier& memory = tier(2 * kPageBytes);
  const TestPagePtr page = published(1, kPageBytes);
  page->reading_began(now());
  memory.discard(*page);
  ASSERT_TRUE(page->try_pin());
  page->unpin();
  ASSERT_TRUE(page->reading_ended());
  memory.discard(*page);
  EXPECT_FALSE(page->try_pin());
  EXPECT_EQ(memory.used_bytes(), 0u);
}

TEST_F(MemoryTierTest, BookkeepingTakesRoomFromPages) {
  MemoryTier& memory = tier(4 * kPageBytes);
  std::vector<TestPagePtr> pages;
  for (uint64_t i = 0; i < 4; ++i) pages.push_back(published(i, kPageBytes));
  memory.charge(static_cast<int64_t>(2 * kPageBytes));
  pages.push_back(published(5, kPageBytes));
  EXPECT_LE(memory.used_bytes(), 2 * kPageBytes);
}

/// S3-FIFO whose next insert() waits, with the tier's mutex held.
class HaltingPolicy final : public S3Fifo {
 public:
  void insert(Evictable& entry) override {
    halted.store(true);
    while (!go_on.load()) std::this_thread::yield();
    S3Fifo::insert(entry);
  }

  std::atomic<bool> halted{false};
  std::atomic<bool> go_on{true};
};

TEST_F(MemoryTierTest, AnUnpinBesideADiscardFreesNoPageThatIsACandidate) {
  auto made = std::make_unique<HaltingPolicy>();
  HaltingPolicy& policy = *made;
  tier_ = std::make_unique<MemoryTier>(MemoryTierConfig{.limit_bytes = 2 * kPageBytes},
                                       std::move(made), world_.clock());
  const TestPagePtr page = published(1, kUnitBytes);
  ASSERT_TRUE(page->try_pin());
  TestPagePtr other(new TestPage(2));
  ASSERT_TRUE(allocate(*other, kUnitBytes));
  policy.halted = policy.go_on = false;
  std::thread holder([&] { tier_->publish(*other); });
  while (!policy.halted) std::this_thread::yield();
  std::thread discarder([&] { tier_->discard(*page); });
  while (!page->unwanted()) std::this_thread::yield();
  // Else an unpin() could come before discard() has the mutex.
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(page->memory_gone());
    std::this_thread::yield();
  }
  policy.go_on = true;
  holder.join();
  discarder.join();
  EXPECT_TRUE(page->memory_gone());
  page->unpin();
  EXPECT_EQ(tier_->used_bytes(), kUnitBytes);
}

TEST_F(MemoryTierTest, ThreadsPinReadAndEvictWithoutAWrongByte) {
  (void)tier(4 * kPageBytes);
  constexpr uint64_t kBytes = 3 * kMiB + 100;
  Mutex mutex;
  std::vector<TestPagePtr> pages;
  std::atomic<bool> done{false};
  auto reader = [&] {
    uint64_t reads = 0;
    while (!done) {
      TestPagePtr page;
      {
        const MutexLock lock(mutex);
        if (!pages.empty()) page = pages[reads++ % pages.size()];
      }
      if (page == nullptr || !page->try_pin()) continue;
      page->touch();
      iovec parts[8];
      const size_t count = page->gather({0, kBytes}, parts);
      for (const iovec& part : std::span(parts, count)) {
        const auto* bytes = static_cast<const unsigned char*>(part.iov_base);
        ASSERT_EQ(bytes[0], page->content_hash() % 251);
        ASSERT_EQ(bytes[part.iov_len - 1], page->content_hash() % 251);
      }
      page->unpin();
    }
  };
  std::thread one(reader);
  std::thread two(reader);
  for (uint64_t hash = 0; hash < 300; ++hash) {
    TestPagePtr page(new TestPage(hash));
    ASSERT_TRUE(allocate(*page, kBytes));
    for (uint64_t at = 0; at < kBytes;) {
      const auto span = page->writable(at);
      std::memset(span.data(), static_cast<int>(hash % 251), span.size());
      at += span.size();
    }
    tier_->publish(*page);
    const MutexLock lock(mutex);
    pages.push_back(page);
    if (pages.size() > 24) pages.erase(pages.begin());
  }
  done = true;
  one.join();
  two.join();
}

}  // namespace
}  // namespace cachey::store
