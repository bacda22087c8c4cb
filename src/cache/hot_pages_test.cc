#include "cache/hot_pages.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "cache/testing/reader_harness.h"
#include "rt/testing/virtual_worker.h"
#include "store/s3_fifo.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class HotPagesTest : public ::testing::Test {
 protected:
  /// A whole page in memory and in the table.
  PagePtr page(const std::string& object, uint64_t bytes = 4096) {
    const auto spec = std::make_shared<FetchSpec>();
    spec->key = ObjectKey{"k", object};
    spec->buckets = {"b"};
    const PagePtr made = table_.find_or_create(spec, 0, FillOrder::kFromBegin).page;
    const auto source = std::make_shared<ObjectSource>();
    source->info.size = bytes;
    const ObjectSourcePtr known = table_.observe(*made, source, virtual_.clock().mono()).source;
    EXPECT_TRUE(virtual_.run(memory_.allocate(virtual_.worker(), *made, bytes)).has_value());
    made->set_head(known);
    made->add({0, bytes});
    made->finish(1);
    memory_.publish(*made);
    return made;
  }

  void note(Page& hit) { hot_.note(hit, hit.key().hash(), virtual_.clock().mono()); }
  [[nodiscard]] HotPages::Entry* find(const Page& hit) {
    return hot_.find(hit.key(), hit.key().hash(), hit.index());
  }
  void make_hot(Page& hit) {
    note(hit);
    note(hit);
    ASSERT_NE(find(hit), nullptr);
  }
  /// The page leaves the table.
  void drop(Page& dropped) {
    table_.remove(dropped);
    dropped.discard();
  }

  rt::VirtualWorker virtual_;
  store::MemoryTier memory_{store::MemoryTierConfig{.limit_bytes = 64 * kMiB},
                            std::make_unique<store::S3Fifo>(), virtual_.clock()};
  PageTable table_{memory_};
  HotPages hot_{virtual_.worker()};
};

TEST_F(HotPagesTest, TwoHitsInARowMakeAnEntry) {
  const PagePtr a = page("a");
  note(*a);
  EXPECT_EQ(find(*a), nullptr);
  note(*a);
  ASSERT_NE(find(*a), nullptr);
  EXPECT_EQ(find(*a)->page(), a.get());
  EXPECT_TRUE(find(*a)->pinned());
  EXPECT_EQ(hot_.find(a->key(), a->key().hash(), 1), nullptr) << "another page of the object";
  EXPECT_EQ(hot_.find({"k", "b"}, a->key().hash(), 0), nullptr) << "another object, the same hash";
}

TEST_F(HotPagesTest, HitsFarApartMakeNone) {
  const PagePtr a = page("a");
  for (int i = 0; i < 5; ++i) {
    note(*a);
    virtual_.pass(HotPages::kHotWithin + 1us);
  }
  EXPECT_EQ(hot_.size(), 0u);
}

TEST_F(HotPagesTest, ALargePageHasNone) {
  const PagePtr fits = page("fits", HotPages::kBytesMax);
  const PagePtr large = page("large", HotPages::kBytesMax + 1);
  for (int i = 0; i < 3; ++i) note(*large);
  EXPECT_EQ(hot_.size(), 0u);
  make_hot(*fits);
}

TEST_F(HotPagesTest, ThereAreNoMoreThanFewEntries) {
  for (int i = 0; i < 200; ++i) {
    const PagePtr hit = page(std::to_string(i));
    note(*hit);
    note(*hit);
  }
  EXPECT_EQ(hot_.size(), HotPages::kEntries);
}

TEST_F(HotPagesTest, AnEntryStaysWhileItsPageIsHit) {
  const PagePtr a = page("a");
  make_hot(*a);
  for (int i = 0; i < 50; ++i) {
    virtual_.pass(HotPages::kPinnedFor / 2);
    EXPECT_NE(find(*a), nullptr);
  }
}

TEST_F(HotPagesTest, AnEntryEndsAfterTheLastHit) {
  const PagePtr a = page("a");
  make_hot(*a);
  virtual_.pass(2 * HotPages::kPinnedFor + 4 * rt::TimerWheel::kTick);
  EXPECT_EQ(hot_.size(), 0u);
  EXPECT_FALSE(a->has_reader());
  drop(*a);
  EXPECT_EQ(memory_.used_bytes(), 0u) << "nothing is pinned";
}

TEST_F(HotPagesTest, AReaderThatStaysKeepsNoPin) {
  const PagePtr a = page("a");
  make_hot(*a);
  HotPages::Entry* const entry = find(*a);
  hot_.begin_reading(*entry);
  virtual_.pass(2 * HotPages::kPinnedFor + 4 * rt::TimerWheel::kTick);
  EXPECT_FALSE(entry->pinned());
  EXPECT_EQ(entry->page(), a.get());
  EXPECT_TRUE(a->has_reader());
  EXPECT_EQ(find(*a), nullptr) << "new readers look in the table";
  note(*a);
  note(*a);
  EXPECT_EQ(find(*a), nullptr) << "until the entry is free";
  hot_.end_reading(*entry);
  EXPECT_EQ(hot_.size(), 0u);
  EXPECT_FALSE(a->has_reader());
  make_hot(*a);
}

TEST_F(HotPagesTest, APageThatHasLeftTheTableIsNotFound) {
  const PagePtr a = page("a");
  make_hot(*a);
  hot_.begin_reading(*find(*a));
  HotPages::Entry* const entry = find(*a);
  drop(*a);
  EXPECT_EQ(find(*a), nullptr);
  EXPECT_TRUE(entry->pinned()) << "its reader may read";
  hot_.end_reading(*entry);
  virtual_.pass(HotPages::kPinnedFor + 2 * rt::TimerWheel::kTick);
  EXPECT_EQ(hot_.size(), 0u);
  EXPECT_EQ(memory_.used_bytes(), 0u);
}

TEST_F(HotPagesTest, WhatIsHotAtTheEndIsReleased) {
  const PagePtr a = page("a");
  {
    HotPages others(virtual_.worker());
    others.note(*a, a->key().hash(), virtual_.clock().mono());
    others.note(*a, a->key().hash(), virtual_.clock().mono());
    EXPECT_EQ(others.size(), 1u);
    EXPECT_TRUE(a->has_reader());
  }
  EXPECT_FALSE(a->has_reader());
}

class HotReaders : public ReaderHarness {
 protected:
  /// Reads the object on the first worker until its page is hot there.
  void heat(const FetchSpecPtr& of) {
    workers_.run_on_each([&](rt::Worker& worker) {
      if (&worker != &workers_[0]) return;
      for (int i = 0; i < 1'000'000 && cache_.hot_pages(worker)->size() == 0; ++i) hit(worker, of);
      hit(worker, of);
      EXPECT_EQ(cache_.hot_pages(worker)->size(), 1u);
    });
  }

  void hit(rt::Worker& worker, const FetchSpecPtr& of) {
    RangeReader reader(cache_, worker, of, {10, 4096}, RangeReader::Use::kBody);
    const std::optional<Result<void>> opened = reader.try_open();
    ASSERT_TRUE(opened && *opened);
    EXPECT_TRUE(reader.hit());
    iovec parts[4];
    ASSERT_EQ(reader.pin(parts), 1u);
    EXPECT_EQ(parts[0].iov_len, 4086u);
    EXPECT_EQ(*static_cast<const std::byte*>(parts[0].iov_base), origin::object_byte(1, 10));
    reader.release(4086);
    EXPECT_TRUE(reader.at_end());
  }
};

TEST_F(HotReaders, AreCountedAndNeverGetAnOldVersion) {
  origin_.put("b", "o", {.size = 4096});
  expect_whole(read(spec("o"), {0, 4096}).get(), {0, 4096});
  settle();
  KindMetrics& metrics = cache_metrics_.of("k");
  EXPECT_EQ(metrics.cache_hit_memory.total(), 0u);
  heat(spec("o"));
  EXPECT_EQ(metrics.cache_hit_memory.total() + 1, metrics.access.total());
  EXPECT_EQ(metrics.success.total(), metrics.access.total());
  for (int i = 0; i < 2; ++i) {  // on each worker
    const Got past = read(spec("o"), {4096, 5000}).get();
    ASSERT_TRUE(past.error);
    EXPECT_EQ(past.error->kind(), ErrorKind::kRangeNotSatisfiable);
  }
  origin_.put("b", "o", {.size = 4096, .seed = 2, .etag = "\"v2\""});
  const FetchSpecPtr same = spec("o");
  const KeyView key = same->key.view();
  (void)cache_.table().forget(key, *cache_.table().ruling(key));
  for (int i = 0; i < 4; ++i) expect_whole(read(spec("o"), {0, 4096}, 2).get(), {0, 4096});
}

}  // namespace
}  // namespace cachey::cache
