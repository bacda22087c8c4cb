#include "cache/page_table.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include "store/s3_fifo.h"

namespace cachey::cache {
namespace {

class PageTableTest : public ::testing::Test {
 protected:
  static FetchSpecPtr spec(std::string kind, std::string object) {
    auto made = std::make_shared<FetchSpec>();
    made->key = ObjectKey{std::move(kind), std::move(object)};
    made->buckets = {"b"};
    return made;
  }
  PagePtr page(const FetchSpecPtr& of, uint32_t index) {
    return table_.find_or_create(of, index, FillOrder::kFromBegin).page;
  }
  static ObjectSourcePtr version(const std::string& etag, uint64_t size = 100 * kMiB) {
    auto made = std::make_shared<ObjectSource>();
    made->info.etag = etag;
    made->info.size = size;
    made->bucket = "b";
    return made;
  }
  void learn(Page& p, ObjectSourcePtr source) {
    p.set_head(table_.observe(p, std::move(source), clock_.mono()));
  }

  const SystemClock clock_;
  store::MemoryTier memory_{store::MemoryTierConfig{.limit_bytes = 64 * kMiB},
                            std::make_unique<store::S3Fifo>(), clock_};
  PageTable table_{memory_};
};

TEST_F(PageTableTest, OnePageForAll) {
  const FetchSpecPtr a = spec("k", "o");
  const PageTable::Found first = table_.find_or_create(a, 3, FillOrder::kFromBegin);
  EXPECT_TRUE(first.created);
  const PageTable::Found second = table_.find_or_create(spec("k", "o"), 3, FillOrder::kFromWanted);
  EXPECT_FALSE(second.created);
  EXPECT_EQ(first.page, second.page);
  EXPECT_NE(page(a, 4), first.page);
}

/// The bytes allocated by the process.
int64_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

TEST_F(PageTableTest, WhatPagesTakeIsCharged) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers have their own memory";
#endif
#endif
  constexpr int kObjects = 20'000;
  const std::pair<size_t, size_t> texts[] = {{20, 34}, {1000, 34}, {20, 900}};
  for (const auto& [name_bytes, tag_bytes] : texts) {
    const int64_t allocated = allocated_bytes();
    const int64_t charged = memory_.charged_bytes();
    for (int i = 0; i < kObjects; ++i) {
      std::string name = std::to_string(i);
      name.resize(name_bytes, 'x');
      const PagePtr made = page(spec("k" + std::to_string(tag_bytes), name), 0);
      learn(*made, version(std::string(tag_bytes, 'e'), 10));
      made->finish(1);
    }
    const int64_t taken = (allocated_bytes() - allocated) / kObjects;
    const int64_t told = (memory_.charged_bytes() - charged) / kObjects;
    EXPECT_LE(taken, told) << name_bytes << " " << tag_bytes;
    EXPECT_GT(taken, told / 2) << name_bytes << " " << tag_bytes;
  }
}

TEST_F(PageTableTest, KindAndObjectDoNotRunIntoEachOther) {
  EXPECT_NE(page(spec("ab", "c"), 0), page(spec("a", "bc"), 0));
  EXPECT_EQ(table_.objects(), 2u);
}

TEST_F(PageTableTest, RemovesOnlyThatVeryPage) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr old = page(a, 0);
  table_.remove(*old);
  EXPECT_EQ(table_.objects(), 0u);
  const PagePtr fresh = page(a, 0);
  table_.remove(*old);
  EXPECT_EQ(table_.find(a->key.view(), 0), fresh);
}

TEST_F(PageTableTest, SharesTheSourceOfPagesOfOneVersion) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr p0 = page(a, 0);
  const PagePtr p1 = page(a, 1);
  learn(*p0, version("\"1\""));
  learn(*p1, version("\"1\""));
  EXPECT_EQ(p0->source(), p1->source());
  EXPECT_EQ(table_.object_size(a->key.view()), 100 * kMiB);
}

TEST_F(PageTableTest, ANewVersionDropsThePagesOfTheOld) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr p0 = page(a, 0);
  const PagePtr p1 = page(a, 1);
  const PagePtr pending = page(a, 2);
  learn(*p0, version("\"1\""));
  learn(*p1, version("\"2\"", 90 * kMiB));
  EXPECT_EQ(table_.find(a->key.view(), 0), nullptr);
  EXPECT_EQ(table_.find(a->key.view(), 1), p1);
  EXPECT_EQ(table_.find(a->key.view(), 2), pending);
  EXPECT_EQ(table_.object_size(a->key.view()), 90 * kMiB);
}

TEST_F(PageTableTest, AnAnswerThatWasOvertakenLoses) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr slow = page(a, 0);
  const PagePtr fast = page(a, 1);
  const MonoTime slow_sent = clock_.mono();
  learn(*fast, version("\"2\""));
  slow->set_head(table_.observe(*slow, version("\"1\""), slow_sent));
  EXPECT_EQ(table_.find(a->key.view(), 0), nullptr);
  EXPECT_EQ(table_.find(a->key.view(), 1), fast);
}

TEST_F(PageTableTest, AVersionCountsFromWhenItIsKnownNotFromWhenThePageHasItsMemory) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr p0 = page(a, 0);
  const PagePtr p1 = page(a, 1);
  ObjectSourcePtr source = table_.observe(*p0, version("\"1\""), clock_.mono());
  learn(*p1, version("\"2\""));
  p0->set_head(std::move(source));
  EXPECT_EQ(table_.find(a->key.view(), 0), nullptr);
  EXPECT_EQ(table_.find(a->key.view(), 1), p1);
}

TEST_F(PageTableTest, AVersionFromDiskCountsFromWhenItIsAdopted) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr p0 = page(a, 0);
  const PagePtr p1 = page(a, 1);
  ObjectSourcePtr source = table_.adopt(*p0, version("\"1\""));
  learn(*p1, version("\"2\""));
  p0->set_on_disk(std::move(source), 100, 1);
  EXPECT_EQ(table_.find(a->key.view(), 0), nullptr);
  EXPECT_EQ(table_.find(a->key.view(), 1), p1);
}

TEST_F(PageTableTest, AnAnswerThatWasOvertakenLeavesNoEmptyObject) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr slow = page(a, 0);
  const PagePtr fast = page(a, 1);
  const MonoTime slow_sent = clock_.mono();
  learn(*fast, version("\"2\""));
  table_.remove(*fast);
  slow->set_head(table_.observe(*slow, version("\"1\""), slow_sent));
  EXPECT_EQ(table_.objects(), 0u);
}

TEST_F(PageTableTest, DropKnownKeepsThePagesOnTheirWay) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr known = page(a, 0);
  const PagePtr pending = page(a, 1);
  learn(*known, version("\"1\""));
  table_.drop_known(a->key.view());
  EXPECT_EQ(table_.find(a->key.view(), 0), nullptr);
  EXPECT_EQ(table_.find(a->key.view(), 1), pending);
  EXPECT_EQ(table_.object_size(a->key.view()), std::nullopt);
}

}  // namespace
}  // namespace cachey::cache
