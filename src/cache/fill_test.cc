#include "cache/fill.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/testing/virtual_cache.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;

/// Runs out of memory when a test says so.
class ThrowingPolicy final : public store::S3Fifo {
 public:
  [[nodiscard]] bool contains(const store::Evictable& entry) const override {
    throw_once(contains_throws);
    return S3Fifo::contains(entry);
  }
  [[nodiscard]] store::Victim<store::Evictable> victim(
      const std::function<store::Verdict(store::Evictable&)>& verdict) override {
    throw_once(victim_throws);
    return S3Fifo::victim(verdict);
  }

  mutable bool contains_throws = false;
  mutable bool victim_throws = false;

 private:
  static void throw_once(bool& armed) {
    if (std::exchange(armed, false)) throw std::bad_alloc();
  }
};

/// Fills on one worker with a manual clock, over a fake origin.
class FillTest : public ::testing::Test, protected VirtualCache {
 protected:
  explicit FillTest(uint64_t memory = 256 * kMiB, FillConfig fills = {},
                    origin::GateLimits gate = {})
      : FillTest({.memory = memory, .fills = fills, .gate = gate}, new ThrowingPolicy) {}
  ~FillTest() override {
    settle();
    EXPECT_EQ(memory_.admitted_bytes(), 0u);
  }

  /// Starts the fill of a page; nobody reads the page.
  PagePtr start(const std::string& bucket, const std::string& object, uint32_t index = 0,
                std::optional<uint64_t> size = std::nullopt) {
    auto of = spec(object, {bucket}, bucket);
    of->wishes.object_size = size;
    PagePtr page = cache_.table().find_or_create(of, index, FillOrder::kFromBegin).page;
    cache_.fills().start(world_.worker(), page, of, {0, 1}, std::nullopt);
    return page;
  }
  void put_many(const std::string& bucket, int count, uint64_t size) {
    for (int i = 0; i < count; ++i) origin_.put(bucket, std::to_string(i), {.size = size});
  }

  ThrowingPolicy* const policy_;  // the memory tier owns it

 private:
  /// Takes `policy` over.
  FillTest(VirtualCacheSetup setup, ThrowingPolicy* policy)
      : VirtualCache(std::move(setup), std::unique_ptr<store::EvictionPolicy>(policy)),
        policy_(policy) {}
};

TEST_F(FillTest, ABucketThatDoesNotAnswerTakesNoMemoryForPages) {
  origin_.behave("hung", {.head_delay = 20s});
  origin_.put("good", "o", {.size = kPageBytes});
  put_many("hung", 300, 100);
  for (int i = 0; i < 300; ++i) (void)start("hung", std::to_string(i));
  world_.pass(100ms);
  EXPECT_EQ(memory_.bodies().admitted_bytes(), 0u);
  EXPECT_EQ(memory_.starts().admitted_bytes(), 300 * store::MemoryTier::kStartBytes);
  const PagePtr page = start("good", "o");
  world_.pass(100ms);
  EXPECT_EQ(page->phase(), Page::Phase::kWhole);
}

TEST_F(FillTest, ManySmallObjectsNeedLittleMemory) {
  origin_.behave({.head_delay = 300ms});
  put_many("b", 900, 4 * kKiB);
  std::vector<PagePtr> pages;
  for (int i = 0; i < 900; ++i) pages.push_back(start("b", std::to_string(i)));
  world_.pass(3s);  // 256 at a time
  for (const PagePtr& page : pages) ASSERT_EQ(page->phase(), Page::Phase::kWhole);
  EXPECT_EQ(memory_.refused(), 0u);
}

TEST_F(FillTest, SlowBodiesThatNobodyWaitsForAreDroppedAndTheirMemoryIsFree) {
  origin_.behave({.read_delay = 1s, .read_bytes = 10});
  put_many("b", 40, kPageBytes);
  std::vector<PagePtr> pages;
  for (int i = 0; i < 5; ++i) pages.push_back(start("b", std::to_string(i)));
  pages[0]->reading_began(world_.clock().mono());
  world_.pass(5s);
  EXPECT_EQ(memory_.used_bytes(), 5 * kPageBytes);
  pages[1]->reading_began(world_.clock().mono());
  world_.pass(6s);
  EXPECT_EQ(pages[0]->phase(), Page::Phase::kFilling);
  EXPECT_EQ(pages[1]->phase(), Page::Phase::kFilling) << "its reader came in time";
  for (const size_t dropped : {2, 3, 4}) {
    ASSERT_EQ(pages[dropped]->phase(), Page::Phase::kFailed);
    EXPECT_EQ(pages[dropped]->error().kind(), ErrorKind::kTimeout);
    EXPECT_EQ(cache_.table().find(pages[dropped]->key(), 0), nullptr);
  }
  EXPECT_EQ(memory_.used_bytes(), 2 * kPageBytes);
  EXPECT_EQ(read_metrics_.too_slow.total(), 3u);
  for (const size_t left : {0, 1}) (void)pages[left]->reading_ended();
  world_.pass(11s);
  EXPECT_EQ(memory_.used_bytes(), 0u);
}

TEST_F(FillTest, AnExceptionBeforeTheHeadFailsThePage) {
  put_many("b", 20, kPageBytes);
  for (int i = 0; i < 19; ++i) {
    (void)start("b", std::to_string(i));
    world_.pass(100ms);
  }
  policy_->victim_throws = true;
  const PagePtr page = start("b", "19");
  world_.pass(100ms);
  EXPECT_FALSE(policy_->victim_throws) << "it has been thrown";
  ASSERT_EQ(page->phase(), Page::Phase::kFailed);
  EXPECT_EQ(page->error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(cache_.table().find(page->key(), 0), nullptr);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 0);
}

TEST_F(FillTest, AnExceptionAfterTheLastByteTakesThePageOutOfTheTable) {
  put_many("b", 1, 100);
  origin_.behave({.head_delay = 10ms});
  const PagePtr page = start("b", "0");
  policy_->contains_throws = true;
  world_.pass(100ms);
  EXPECT_FALSE(policy_->contains_throws) << "it has been thrown";
  EXPECT_NE(page->phase(), Page::Phase::kFilling);
  EXPECT_EQ(cache_.table().find(page->key(), 0), nullptr);
  EXPECT_EQ(memory_.used_bytes(), 0u);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 0);
}

/// The request for page 0 was made first, but sent last: its first attempt failed.
TEST_F(FillTest, TheVersionOfTheRequestThatWasReallySentLastIsTheCurrentOne) {
  origin_.put("b", "o", {.size = 2 * kPageBytes});
  origin_.behave_by([](const origin::GetRequest& request, size_t) -> FakeOrigin::Behaviour {
    if (request.range.begin == 0) return {.unsent = 2s};
    return {};
  });
  const PagePtr retried = start("b", "o", 0);
  retried->reading_began(world_.clock().mono());
  world_.pass(1s);
  const PagePtr quick = start("b", "o", 1);
  world_.pass(500ms);
  ASSERT_EQ(quick->phase(), Page::Phase::kWhole);
  origin_.put("b", "o", {.size = 2 * kPageBytes, .seed = 2, .etag = "\"v2\""});
  world_.pass(1s);
  ASSERT_EQ(retried->phase(), Page::Phase::kWhole);
  (void)retried->reading_ended();
  EXPECT_EQ(cache_.table().ruling(retried->key())->info.etag, "\"v2\"");
  EXPECT_EQ(cache_.table().find(retried->key(), 0), retried);
  EXPECT_EQ(cache_.table().find(retried->key(), 1), nullptr) << "page 1 is of the old version";
}

/// Memory for three pages, two requests at a time, four requests a page: fills that have memory
/// wait for turns, and fills that had their turn wait for memory.
class FillsInAllWaits : public FillTest {
 protected:
  FillsInAllWaits() : FillTest(4 * kPageBytes, {.parts = 4}, {.requests = 2}) {}
};

TEST_F(FillsInAllWaits, NoneWaitsForOneThatWaitsForIt) {
  origin_.behave({.head_delay = 20ms});
  put_many("b", 12, kPageBytes);
  std::vector<PagePtr> pages;
  for (int i = 0; i < 12; ++i) pages.push_back(start("b", std::to_string(i)));
  world_.pass(4s);  // less than any limit of a wait
  for (const PagePtr& page : pages) {
    EXPECT_NE(page->phase(), Page::Phase::kPending);
    EXPECT_NE(page->phase(), Page::Phase::kFilling);
    EXPECT_NE(page->phase(), Page::Phase::kFailed);
  }
  EXPECT_EQ(memory_.refused(), 0u);
}

/// Memory for six pages, of which each takes 1 s.
class FillsUnderOverload : public FillTest {
 protected:
  FillsUnderOverload() : FillTest(20 * kMiB) {
    origin_.behave({.head_delay = 20ms, .read_delay = 500ms});
    put_many("b", 401, kSize);
  }
  /// 50 pages a second.
  void ask(int count, std::optional<uint64_t> size = std::nullopt) {
    for (int i = 0; i < count; ++i) {
      pages_.push_back(start("b", std::to_string(pages_.size()), 0, size));
      world_.pass(20ms);
    }
  }
  int in_phase(Page::Phase phase) const {
    return static_cast<int>(std::ranges::count(pages_, phase, &Page::phase));
  }

  static constexpr uint64_t kSize = 2 * kMiB;
  std::vector<PagePtr> pages_;
};

TEST_F(FillsUnderOverload, OfKnownSizeTheSurplusCostsNoGet) {
  ask(200, kSize);
  world_.pass(6s);
  const int failed = in_phase(Page::Phase::kFailed);
  EXPECT_GT(failed, 130);
  EXPECT_LT(origin_.asked().size(), pages_.size() - static_cast<size_t>(failed) + 30)
      << "those that wait in vain, and those that come before the others' heads";
}

TEST_F(FillsUnderOverload, OfUnknownSizeMostOfTheSurplusCostsNoGet) {
  ask(400);
  const size_t gets = origin_.asked().size();
  world_.pass(6s);
  const int failed = in_phase(Page::Phase::kFailed);
  EXPECT_GT(failed, 300);
  const size_t served = pages_.size() - static_cast<size_t>(failed);
  EXPECT_GE(served, 3 * 20 * 9 / 10);
  EXPECT_LT(gets, served + 130);
  EXPECT_EQ(origin_.asked().size(), gets);
  (void)start("b", "400");
  world_.pass(50ms);
  EXPECT_EQ(origin_.asked().size(), gets + 1) << "one that waits alone is never refused";
}

}  // namespace
}  // namespace cachey::cache
