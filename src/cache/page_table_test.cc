#include "cache/page_table.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include "base/testing/sanitized.h"
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
  static ObjectSourcePtr version(const std::string& etag, uint64_t size = 100 * kMiB,
                                 std::string bucket = "b") {
    return std::make_shared<ObjectSource>(ObjectInfo{etag, size, 0}, std::move(bucket));
  }
  void learn(Page& p, ObjectSourcePtr source) { learn(p, std::move(source), clock_.mono()); }
  void learn(Page& p, ObjectSourcePtr source, MonoTime sent_at) {
    p.set_head(table_.observe(p, std::move(source), sent_at).source);
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
int64_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

TEST_F(PageTableTest, WhatPagesTakeIsCharged) {
  if (kSanitized) GTEST_SKIP() << "sanitizers have their own memory";
  constexpr int kObjects = 20'000;
  const std::pair<size_t, size_t> texts[] = {{20, 34}, {1000, 34}, {20, 900}};
  for (const auto& [name_bytes, tag_bytes] : texts) {
    const int64_t allocated = heap_bytes();
    const int64_t charged = memory_.charged_bytes();
    for (int i = 0; i < kObjects; ++i) {
      std::string name = std::to_string(i);
      name.resize(name_bytes, 'x');
      const PagePtr made = page(spec("k" + std::to_string(tag_bytes), name), 0);
      learn(*made, version(std::string(tag_bytes, 'e'), 10));
      made->finish(1);
    }
    const int64_t taken = (heap_bytes() - allocated) / kObjects;
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
  learn(*slow, version("\"1\""), slow_sent);
  EXPECT_EQ(table_.find(a->key.view(), 0), nullptr);
  EXPECT_EQ(table_.find(a->key.view(), 1), fast);
}

TEST_F(PageTableTest, AVersionCountsFromWhenItIsKnownNotFromWhenThePageHasItsMemory) {
  const FetchSpecPtr a = spec("k", "o");
  const PagePtr p0 = page(a, 0);
  const PagePtr p1 = page(a, 1);
  ObjectSourcePtr source = table_.observe(*p0, version("\"1\""), clock_.mono()).source;
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
  learn(*slow, version("\"1\""), slow_sent);
  EXPECT_EQ(table_.objects(), 0u);
}

TEST_F(PageTableTest, WhatIsGoneTakesItsPagesAlongButNotThoseOnTheirWay) {
  const FetchSpecPtr a = spec("k", "o");
  const KeyView key = a->key.view();
  const PagePtr known = page(a, 0);
  const PagePtr pending = page(a, 1);
  learn(*known, version("\"1\""));
  EXPECT_EQ(table_.forget(key, *version("\"0\"")), ObjectVersions::Forgotten::kNothing);
  EXPECT_EQ(table_.find(key, 0), known);
  EXPECT_EQ(table_.forget(key, *version("\"1\"")), ObjectVersions::Forgotten::kObject);
  EXPECT_EQ(table_.find(key, 0), nullptr);
  EXPECT_EQ(table_.find(key, 1), pending);
  EXPECT_EQ(table_.object_size(key), std::nullopt);
}

TEST_F(PageTableTest, PagesOfTwoBucketsOfOneSizeStandBesideEachOther) {
  const FetchSpecPtr a = spec("k", "o");
  const KeyView key = a->key.view();
  const PagePtr from_a = page(a, 0);
  const PagePtr from_b = page(a, 1);
  learn(*from_a, version("\"1\"", kMiB, "a"));
  learn(*from_b, version("\"2\"", kMiB, "b"));
  EXPECT_EQ(table_.find(key, 0), from_a);
  EXPECT_EQ(table_.find(key, 1), from_b);
  EXPECT_EQ(table_.ruling(key)->bucket, "a");
  // A newer tag of one bucket takes the pages of that bucket's older one along.
  const PagePtr newer = page(a, 2);
  learn(*newer, version("\"3\"", kMiB, "b"));
  EXPECT_EQ(table_.find(key, 0), from_a);
  EXPECT_EQ(table_.find(key, 1), nullptr);
  // Another size of the bucket that rules takes all along.
  const PagePtr larger = page(a, 3);
  learn(*larger, version("\"4\"", 2 * kMiB, "a"));
  EXPECT_EQ(table_.find(key, 0), nullptr);
  EXPECT_EQ(table_.find(key, 2), nullptr);
  EXPECT_EQ(table_.find(key, 3), larger);
}

TEST_F(PageTableTest, AnotherBucketsSizeIsContestedAndDropsNothing) {
  const FetchSpecPtr a = spec("k", "o");
  const KeyView key = a->key.view();
  const PagePtr from_a = page(a, 0);
  const PagePtr from_b = page(a, 1);
  learn(*from_a, version("\"1\"", kMiB, "a"));
  const PageTable::Observed observed =
      table_.observe(*from_b, version("\"1\"", kMiB - 1, "b"), clock_.mono());
  EXPECT_EQ(observed.contested, from_a->source());
  EXPECT_EQ(table_.find(key, 0), from_a);
  EXPECT_EQ(table_.object_size(key), kMiB);
  EXPECT_EQ(table_.ended_by(key, "b", 0, clock_.mono()), nullptr) << "b is not asked";
}

TEST_F(PageTableTest, ManyBucketsKeepTheirPagesOutOnce) {
  const FetchSpecPtr a = spec("k", "o");
  for (uint32_t i = 0; i < 2 * ObjectVersions::kOthersMax; ++i) {
    learn(*page(a, i), version("\"1\"", kGiB, "b" + std::to_string(i)));
    EXPECT_EQ(table_.find(a->key.view(), i) != nullptr, i <= ObjectVersions::kOthersMax) << i;
  }
}

}  // namespace
}  // namespace cachey::cache
