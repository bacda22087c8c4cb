#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "base/hash.h"
#include "rt/testing/virtual_worker.h"
#include "store/memory_tier.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeptPatience = 1000ms;

class KeptPagesTest : public ::testing::Test {
 protected:
  void use(uint64_t limit, uint64_t keep_limit) {
    residents_ = std::make_unique<Residents>(limit, std::make_unique<S3Fifo>(), kKeptPatience);
    residents_->set_keep_limit(keep_limit);
  }

  bool place(TestPage& page, uint64_t bytes) {
    Residents::Request request{page, bytes};
    Residents::Step step = Residents::Step::kAgain;
    for (int steps = 0; step == Residents::Step::kAgain; ++steps) {
      Residents::Evicted evicted;
      step = residents_->allocate(request, now_, Residents::LiveReaders::kSpare, evicted);
      for (const EvictablePtr& gone : evicted) {
        EXPECT_FALSE(gone->is_kept());
        gone->on_evicted();
      }
      while (const auto slab = residents_->arena().take_past_limit())  // as the tier does
        residents_->arena().put_uncommitted(*slab);
      if (steps == 1'000) return false;
    }
    residents_->give_back(request);
    return step == Residents::Step::kDone;
  }

  TestPagePtr whole(uint64_t bytes, bool keep) {
    TestPagePtr page(new TestPage(spread(++pages_)));
    page->set_keep(keep);
    EXPECT_TRUE(place(*page, bytes))
        << bytes << " kept " << residents_->kept().bytes << " in "
        << residents_->arena().kept_slabs() << " used " << residents_->arena().used_bytes()
        << " free " << residents_->arena().free_slabs() << " of "
        << residents_->arena().limit_bytes() << " over " << residents_->arena().over_limit();
    residents_->insert(*page);
    return page;
  }

  void drop(TestPage& page) {
    if (residents_->contains(page)) {
      const EvictablePtr out = residents_->remove(page);
      residents_->release_if_unpinned(page);
    }
  }

  MonoTime now_{};
  uint64_t pages_ = 0;
  std::unique_ptr<Residents> residents_;
};

TEST_F(KeptPagesTest, NoEvictionTakesAKeptPage) {
  use(64 * kMiB, 16 * kMiB);
  std::vector<TestPagePtr> kept;
  for (int i = 0; i < 50; ++i) kept.push_back(whole(64 * kKiB, true));
  std::vector<TestPagePtr> others;
  for (int i = 0; i < 4'000; ++i) others.push_back(whole(64 * kKiB, false));
  for (int i = 0; i < 20; ++i) others.push_back(whole(kPageBytes, false));
  for (const TestPagePtr& page : kept) EXPECT_FALSE(page->evicted());
  EXPECT_EQ(residents_->kept().pages, 50u);
  EXPECT_EQ(residents_->kept().bytes, 50 * 64 * kKiB);
  EXPECT_EQ(residents_->kept().over_limit_pages, 0u);
  EXPECT_TRUE(others.front()->evicted());
}

TEST_F(KeptPagesTest, KeptPagesShareSlabsWithEachOtherOnly) {
  use(256 * kMiB, 64 * kMiB);
  std::vector<TestPagePtr> pages;
  for (int i = 0; i < 20'000; ++i) pages.push_back(whole(16 * kKiB, i % 10 == 0));
  // 2,000 pages of 16 KiB.
  EXPECT_EQ(residents_->kept().pages, 2'000u);
  EXPECT_LE(residents_->arena().kept_slabs(), 2'000 * 16 * kKiB / Arena::kSlabBytes + 1);
  EXPECT_FALSE(residents_->arena().crowded());
}

TEST_F(KeptPagesTest, PastTheLimitAPageIsAsAnyOther) {
  use(64 * kMiB, 4 * kMiB);
  std::vector<TestPagePtr> pages;
  for (int i = 0; i < 10; ++i) pages.push_back(whole(kMiB, true));
  EXPECT_EQ(residents_->kept().pages, 4u);
  EXPECT_EQ(residents_->kept().over_limit_pages, 6u);
  EXPECT_EQ(residents_->kept().over_limit_total, 6u);
  std::vector<TestPagePtr> others;
  for (int i = 0; i < 200; ++i) others.push_back(whole(kMiB, false));
  for (size_t i = 0; i < pages.size(); ++i) EXPECT_EQ(pages[i]->evicted(), i >= 4) << i;
  EXPECT_EQ(residents_->kept().over_limit_pages, 0u);
  drop(*pages[0]);
  EXPECT_EQ(residents_->kept().pages, 3u);
  EXPECT_TRUE(whole(kMiB, true)->is_kept());
}

TEST_F(KeptPagesTest, HalfOfTheMemoryIsForOtherPages) {
  use(64 * kMiB, UINT64_MAX);
  std::vector<TestPagePtr> pages;
  for (int i = 0; i < 1'000; ++i) pages.push_back(whole(kMiB, true));
  EXPECT_EQ(residents_->kept().bytes, 32 * kMiB);
  for (int i = 0; i < 10; ++i) pages.push_back(whole(kPageBytes, true));
  residents_->set_limit(32 * kMiB);
  pages.push_back(whole(kPageBytes, false));
  pages.push_back(whole(kPageBytes, false));
  EXPECT_LE(residents_->kept().bytes, 16 * kMiB);
}

TEST_F(KeptPagesTest, NewRulesConcernPagesThatAreThere) {
  use(64 * kMiB, 16 * kMiB);
  const TestPagePtr first = whole(kMiB, false);
  const TestPagePtr second = whole(kMiB, true);
  const TestPagePtr filling(new TestPage(99));
  ASSERT_TRUE(place(*filling, kMiB));
  residents_->set_keep(*first, true);
  residents_->set_keep(*second, false);
  residents_->set_keep(*filling, true);
  residents_->insert(*filling);
  EXPECT_TRUE(first->is_kept());
  EXPECT_FALSE(second->is_kept());
  EXPECT_TRUE(filling->is_kept());
  std::vector<TestPagePtr> others;
  for (int i = 0; i < 100; ++i) others.push_back(whole(kMiB, false));
  EXPECT_FALSE(first->evicted());
  EXPECT_TRUE(second->evicted());
  residents_->set_keep(*first, false);
  residents_->set_keep(*filling, false);
  EXPECT_EQ(residents_->kept().pages, 0u);
  EXPECT_EQ(residents_->arena().kept_slabs(), 0u);
}

TEST_F(KeptPagesTest, SmallPagesInAllSlabsAreNotKeptInAllOfThem) {
  use(64 * kMiB, 16 * kMiB);
  std::vector<TestPagePtr> pages;
  for (int i = 0; i < 16'000; ++i) pages.push_back(whole(4 * kKiB, false));
  for (size_t i = 0; i < pages.size(); i += 256) residents_->set_keep(*pages[i], true);
  EXPECT_LE(residents_->arena().kept_slabs(), 8u);
  EXPECT_GT(residents_->kept().over_limit_pages, 0u);
  for (int i = 0; i < 5; ++i) pages.push_back(whole(kPageBytes, false));
}

TEST_F(KeptPagesTest, RandomPagesNeverStarveOthers) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const uint64_t limit = (random() % 2 == 0 ? 64 : 96) * kMiB;
    use(limit, random() % 48 * kMiB);
    std::vector<TestPagePtr> pages;
    for (int i = 0; i < 1'500; ++i) {
      const uint64_t bytes = 1 + random() % (uint64_t{1} << (12 + random() % 13));
      pages.push_back(whole(bytes, random() % 3 == 0));
      TestPage& any = *pages[random() % pages.size()];
      const uint32_t what = random() % 20;
      if (what == 0) drop(any);
      if (what == 1) residents_->set_keep(any, random() % 2 == 0);
      if (what == 2) residents_->set_keep_limit(random() % 48 * kMiB);
      if (what == 3) residents_->set_limit(limit - random() % 24 * kMiB);
      ASSERT_LE(residents_->arena().kept_slabs(), limit / Arena::kSlabBytes * 3 / 4);
    }
    for (const TestPagePtr& page : pages) drop(*page);
    EXPECT_EQ(residents_->kept().pages, 0u);
    EXPECT_EQ(residents_->kept().bytes, 0u);
    EXPECT_EQ(residents_->kept().over_limit_pages, 0u);
    EXPECT_EQ(residents_->arena().kept_slabs(), 0u);
    EXPECT_EQ(residents_->arena().used_bytes(), 0u);
  }
}

TEST(KeptPagesOfATier, FillsAreAdmittedBesideThem) {
  rt::VirtualWorker world;
  PinRules rules([](std::string_view, std::string_view) { return true; }, PinLimit{0, 50});
  MemoryTierConfig config;
  config.limit_bytes = 8 * kPageBytes;
  MemoryTier memory(config, std::make_unique<S3Fifo>(), world.clock());
  memory.keep_by(&rules);
  std::vector<TestPagePtr> pages;
  for (uint64_t i = 0; i < 8; ++i) {
    pages.emplace_back(new TestPage(i));
    pages.back()->set_keep(true);
    ASSERT_TRUE(world.run(memory.allocate(world.worker(), *pages.back(), kPageBytes)));
    memory.publish(*pages.back());
  }
  const KeptPages kept = memory.kept();
  EXPECT_GE(kept.pages, 3u);
  EXPECT_LE(kept.bytes, memory.limit_bytes() / 2);
  // What is admitted fits beside what is kept.
  std::vector<Admission> admissions;
  for (int i = 0; i < 8; ++i) {
    auto admitted = memory.bodies().try_admit("bucket", kPageBytes);
    if (admitted) admissions.push_back(std::move(*admitted));
  }
  EXPECT_LE(kept.bytes + admissions.size() * kPageBytes, memory.limit_bytes());
  for (size_t i = 0; i < admissions.size(); ++i) {
    const TestPagePtr page(new TestPage(100 + i));
    EXPECT_TRUE(world.run(memory.allocate(world.worker(), *page, kPageBytes)));
  }
  rules.replace(nullptr, PinLimit{});
  for (const TestPagePtr& page : pages) memory.set_keep(*page, false);
  EXPECT_EQ(memory.kept().pages, 0u);
}

}  // namespace
}  // namespace cachey::store
