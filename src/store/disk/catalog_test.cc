#include "store/disk/catalog.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "store/testing/catalog_rig.h"

namespace cachey::store {
namespace {

constexpr uint32_t kSmall = 48 * 1024;
constexpr uint32_t kFull = kPageBytes;

/// Fills the disk with small pages and goes on until as many were written again, in a random order
/// of uses. Returns the number of pages written.
uint64_t age(CatalogRig& rig, uint64_t capacity, uint32_t bytes) {
  std::mt19937_64 random(1);
  const uint64_t fits = capacity / bytes;
  for (uint64_t n = 0; n < 2 * fits; ++n) {
    EXPECT_TRUE(rig.add(n, 0, bytes));
    const uint64_t used = n - random() % std::min(n + 1, fits);
    if (DiskEntry* entry = rig.find(used)) Catalog::touch(*entry);
    if (n % 1'000 == 0) rig.write_journal();
  }
  rig.write_journal();
  rig.reset();
  return 2 * fits;
}

TEST(Catalog, AFullPageEvictsAtMostAboutTwiceItsSize) {
  CatalogRig rig(2 * kGiB);
  uint64_t next = age(rig, 2 * kGiB, kSmall);
  for (int page = 0; page < 8; ++page) {
    const uint64_t before = rig.catalog().evictions();
    ASSERT_TRUE(rig.add(next++, 0, kFull));
    EXPECT_LE((rig.catalog().evictions() - before) * kSmall, 2.1 * kFull) << page;
    EXPECT_GE((rig.catalog().evictions() - before) * kSmall, 0.9 * kFull) << page;
  }
  EXPECT_LE(rig.most_removed(), size_t{Catalog::kStepRemovals});
}

TEST(Catalog, AJournalSegmentEvictsNoMoreThanAFullPage) {
  CatalogRig rig(2 * kGiB);
  (void)age(rig, 2 * kGiB, kSmall);
  const uint64_t before = rig.catalog().evictions();
  ASSERT_TRUE(rig.place_segment());
  EXPECT_LE((rig.catalog().evictions() - before) * kSmall, 2.1 * kFull);
  EXPECT_LE(rig.most_removed(), size_t{Catalog::kStepRemovals});
}

TEST(Catalog, SmallPagesEvictOneForOne) {
  CatalogRig rig(2 * kGiB);
  uint64_t next = age(rig, 2 * kGiB, kSmall);
  const uint64_t before = rig.catalog().evictions();
  for (int page = 0; page < 1'000; ++page) ASSERT_TRUE(rig.add(next++, 0, kSmall));
  EXPECT_LE(rig.catalog().evictions() - before, 1'010u);
}

TEST(Catalog, ChunksAreFreedAheadInStepsAndLeftToThoseThatNeedThem) {
  CatalogRig rig(8 * kGiB);
  Catalog& catalog = rig.catalog();
  std::vector<uint64_t> objects;
  uint64_t next = age(rig, 8 * kGiB, kSmall * 8);
  while (rig.step([&] { return catalog.prepare(); })) {
  }
  const uint32_t spare = catalog.space().free_chunks();
  EXPECT_EQ(spare, 2u);
  EXPECT_FALSE(catalog.prepare());
  for (int page = 0; page < 100; ++page) ASSERT_TRUE(rig.add(next++, 0, kSmall * 8));
  EXPECT_EQ(catalog.space().free_chunks(), spare) << "small pages evict small pages";
  const uint64_t before = catalog.evictions();
  ASSERT_TRUE(rig.add(next++, 0, kFull));
  EXPECT_EQ(catalog.evictions(), before) << "the space is there already";
  ASSERT_TRUE(rig.place_segment());
  EXPECT_EQ(catalog.evictions(), before);
  EXPECT_EQ(catalog.space().free_chunks(), spare - 2);
  EXPECT_LE(rig.most_removed(), size_t{Catalog::kStepRemovals});
}

TEST(Catalog, AChunkWithAPageThatIsReadIsPassedBy) {
  CatalogRig rig(256 * kMiB);
  uint64_t next = age(rig, 256 * kMiB, kSmall);
  std::vector<DiskEntry*> held;
  rig.catalog().for_each([&](DiskEntry& entry) {
    const uint32_t chunk = entry.page_extents().front().first / ExtentAllocator::kUnitsPerChunk;
    if (chunk < 8 && held.size() < 8 && chunk == held.size()) held.push_back(&entry);
  });
  for (DiskEntry* entry : held) rig.catalog().hold(*entry);
  const size_t count = held.size();
  for (int page = 0; page < 4; ++page) EXPECT_TRUE(rig.add(next++, 0, kFull));
  for (DiskEntry* entry : held) EXPECT_TRUE(entry->listed);
  for (DiskEntry* entry : held) rig.catalog().release(*entry);
  EXPECT_EQ(count, held.size());
}

TEST(Catalog, AChunkWhoseEmptyingWasLeftIsUsedAgain) {
  CatalogRig rig(64 * kMiB);
  uint64_t next = age(rig, 64 * kMiB, kSmall);
  SpaceSearch search;
  const ObjectSource source{CatalogRig::version(1), "bucket"};
  const PlaceRequest request{CatalogRig::id(next++), PageAt::page(0), kFull, source};
  while (!rig.catalog().space().is_emptying()) {
    const auto placed = rig.catalog().place(request, search);
    ASSERT_FALSE(placed);
    ASSERT_EQ(placed.error(), NotPlaced::kAgain);
  }
  for (int page = 0; page < 1'500; ++page) ASSERT_TRUE(rig.add(next++, 0, kSmall));
  EXPECT_FALSE(rig.catalog().space().is_emptying());
  EXPECT_LE(rig.catalog().space().free_units(), rig.catalog().space().units() / 20);
}

TEST(Catalog, ANewVersionSupersedesAnObjectOfAnySizeInOneStep) {
  constexpr uint32_t kPages = 5'000;
  CatalogRig rig(kTiB);
  for (uint32_t page = 0; page < kPages; ++page) ASSERT_TRUE(rig.add(7, page, 4096));
  rig.write_journal();
  const uint64_t records = rig.journal().appended();
  const ObjectInfo same = CatalogRig::version(1);
  rig.catalog().supersede(CatalogRig::id(7), CatalogRig::observed(same));
  EXPECT_NE(rig.find(7, 0), nullptr);
  rig.reset();
  rig.step([&] {
    const ObjectInfo other = CatalogRig::version(2);
    rig.catalog().supersede(CatalogRig::id(7), CatalogRig::observed(other));
    return 0;
  });
  EXPECT_LE(rig.most_removed(), size_t{Catalog::kStepRemovals});
  for (uint32_t page = 0; page < kPages; ++page) ASSERT_EQ(rig.find(7, page), nullptr);
  EXPECT_EQ(rig.journal().appended(), records + 1);
  ASSERT_TRUE(rig.add(7, 3, 4096, CatalogRig::version(2)));
  size_t steps = 0;
  while (rig.step([&] { return rig.catalog().prepare(); })) ++steps;
  EXPECT_LE(rig.most_removed(), size_t{Catalog::kStepRemovals});
  EXPECT_GE(steps + 2, kPages / Catalog::kStepRemovals);
  EXPECT_EQ(rig.catalog().pages(), 1u);
  EXPECT_NE(rig.find(7, 3), nullptr);
  EXPECT_EQ(rig.journal().appended(), records + 2) << "the new page's, and none a removed page";
}

TEST(Catalog, TheRemovalOfAnObjectNamesOlderGenerationsThanItsNextVersionHas) {
  CatalogRig rig(kGiB);
  ASSERT_TRUE(rig.add(1, 0, kSmall, CatalogRig::version(1)));
  rig.write_journal();
  DiskEntry* next = rig.place(1, 0, kSmall, CatalogRig::version(2));
  const std::optional<Journal::Batch> batch = rig.journal().next_batch(rig.catalog().finder());
  ASSERT_TRUE(batch);
  const auto records =
      open_journal_block(batch->blocks.bytes(), rig.journal().life(), batch->first_block);
  ASSERT_TRUE(records);
  const std::optional<JournalRecord> record = RecordReader(*records).next();
  ASSERT_TRUE(record && std::holds_alternative<ObjectRemovalRecord>(*record));
  EXPECT_LT(std::get<ObjectRemovalRecord>(*record).generation, next->generation);
  rig.catalog().release(*next);
}

TEST(Catalog, APageOfASupersededVersionIsNotListed) {
  CatalogRig rig(kGiB);
  DiskEntry* old = rig.place(1, 0, kSmall, CatalogRig::version(1));
  ASSERT_TRUE(rig.add(1, 1, kSmall, CatalogRig::version(2)));
  EXPECT_EQ(Listed::kSuperseded, rig.catalog().list(*old, "record"));
  rig.catalog().release(*old);
  EXPECT_EQ(rig.catalog().pages(), 1u);
  EXPECT_EQ(rig.find(1, 0), nullptr);
}

TEST(Catalog, AReaderKeepsAPageOfASupersededVersion) {
  CatalogRig rig(kGiB);
  ASSERT_TRUE(rig.add(1, 0, kSmall));
  DiskEntry& entry = *rig.find(1);
  const uint32_t free = rig.catalog().space().free_units();
  rig.catalog().hold(entry);
  rig.catalog().supersede(CatalogRig::id(1), VersionChange::removed({}));
  EXPECT_FALSE(rig.catalog().prepare());
  EXPECT_EQ(entry.object->source->info.etag, CatalogRig::version(1).etag);
  EXPECT_EQ(rig.catalog().space().free_units(), free) << "its space is not given away";
  const size_t memory = rig.catalog().memory_bytes();
  rig.catalog().release(entry);
  EXPECT_EQ(rig.catalog().space().free_units(), free + units_for(kSmall));
  EXPECT_LT(rig.catalog().memory_bytes(), memory);
}

TEST(Catalog, ALargeDiskBesideALittleMemoryStoresSomething) {
  for (const uint64_t tib : {4, 15}) {
    CatalogRig rig(tib * kTiB, 16 * kMiB);
    for (uint64_t n = 0; n < 20'000; ++n) ASSERT_TRUE(rig.add(n, 0, kFull)) << tib;
    EXPECT_GT(rig.catalog().pages(), 2'500u) << "half of the limit is for pages";
    EXPECT_GT(rig.catalog().evictions(), 0u);
  }
}

TEST(Catalog, CountsTheEntityTagAndTheBucketOncePerObject) {
  CatalogRig rig(kGiB);
  const ObjectInfo info{std::string(1'000, 'e'), 100 * kPageBytes, 1};
  const size_t empty = rig.catalog().memory_bytes();
  ASSERT_TRUE(rig.add(1, 0, 4096, info));
  const size_t first = rig.catalog().memory_bytes() - empty;
  EXPECT_GE(first, 1'000u);
  ASSERT_TRUE(rig.add(1, 1, 4096, info));
  EXPECT_LE(rig.catalog().memory_bytes() - empty, first + 300);
}

TEST(Catalog, PagesOfTwoBucketsOfOneSizeStandBesideEachOther) {
  CatalogRig rig(64 * kMiB);
  const ObjectInfo first = CatalogRig::version(1);
  const ObjectInfo second = CatalogRig::version(2);
  EXPECT_TRUE(rig.add(1, 0, kSmall, first, "a"));
  EXPECT_TRUE(rig.add(1, 1, kSmall, second, "b"));
  EXPECT_TRUE(rig.add(1, 2, kSmall, second, "b"));
  EXPECT_TRUE(rig.add(1, 2, kSmall, first, "a"));  // takes the place of b's page
  EXPECT_EQ(rig.catalog().pages(), 3u);
  EXPECT_EQ(rig.find(1, 0)->object->source->bucket, "a");
  EXPECT_EQ(rig.find(1, 1)->object->source->bucket, "b");
  EXPECT_EQ(rig.find(1, 2)->object->source->bucket, "a");
  // Another version of b concerns b's pages only.
  rig.catalog().supersede(CatalogRig::id(1), VersionChange::observed(ObjectSource{first, "b"}));
  EXPECT_NE(rig.find(1, 0), nullptr);
  EXPECT_EQ(rig.find(1, 1), nullptr);
  // Another size concerns all.
  ObjectInfo longer = first;
  ++longer.size;
  EXPECT_TRUE(rig.add(1, 1, kSmall, longer, "b"));
  EXPECT_EQ(rig.find(1, 0), nullptr);
  EXPECT_EQ(rig.catalog().version_of(CatalogRig::id(1))->bucket, "b");
  rig.catalog().supersede(CatalogRig::id(1), VersionChange::removed("a"));
  EXPECT_NE(rig.find(1, 1), nullptr);
  rig.catalog().supersede(CatalogRig::id(1), VersionChange::removed({}));
  EXPECT_EQ(rig.catalog().version_of(CatalogRig::id(1)), nullptr);
}

TEST(Catalog, AnObjectHasPagesOfFewBuckets) {
  CatalogRig rig(64 * kMiB);
  for (uint32_t i = 0; i < 3 * Catalog::kBucketsMax; ++i) {
    EXPECT_TRUE(rig.add(1, i, kSmall, CatalogRig::version(1), std::to_string(i)));
    EXPECT_NE(rig.find(1, i), nullptr);
  }
  size_t there = 0;
  for (uint32_t i = 0; i < 3 * Catalog::kBucketsMax; ++i) there += rig.find(1, i) != nullptr;
  EXPECT_EQ(there, Catalog::kBucketsMax);
}

/// Restores an index from records, as it is read when a store is opened.
class CatalogRestore : public ::testing::Test {
 protected:
  static RestoredPage page(uint64_t object, uint32_t number, uint64_t generation, int version = 1,
                           uint32_t at = 0, std::string_view bucket = {}) {
    const ObjectInfo info = CatalogRig::version(version);
    PageRecord record;
    record.object = CatalogRig::id(object);
    record.at = PageAt::page(number);
    record.generation = generation;
    record.object_size = info.size;
    record.bytes = 4096;
    record.etag = info.etag;
    record.bucket = bucket;
    const DiskExtent extent{units_for(kDataOffset) + at, 1};
    const std::string text = encode_page_record(record, {&extent, 1}, sums_);
    RecordReader reader(std::as_bytes(std::span(text)));
    return {std::get<PageRecord>(*reader.next()), generation};
  }

  static RestoredPage part(uint64_t begin, uint32_t bytes, uint64_t generation, uint32_t at) {
    PageRecord record;
    record.object = CatalogRig::id(1);
    record.at = PageAt::part(begin);
    record.generation = generation;
    record.object_size = CatalogRig::version(1).size;
    record.bytes = bytes;
    const std::string etag = CatalogRig::version(1).etag;
    record.etag = etag;
    const DiskExtent extent{units_for(kDataOffset) + at, units_for(bytes)};
    const std::string text = encode_page_record(record, {&extent, 1}, sums_);
    RecordReader reader(std::as_bytes(std::span(text)));
    return {std::get<PageRecord>(*reader.next()), generation};
  }
  void restore(RestoredPage page) { rig_.catalog().restore(std::move(page)); }
  size_t finish() {
    return rig_.catalog().finish_restoring({}, ExtentAllocator::kUnitsPerChunk,
                                           unshared_attributes);
  }

  static constexpr std::array<uint64_t, 1> sums_{7};
  CatalogRig rig_{kGiB};
};

TEST_F(CatalogRestore, TheLaterVersionOfAnObjectWins) {
  restore(page(1, 0, 1, 1, 0));
  restore(page(1, 1, 2, 1, 1));
  restore(page(1, 1, 3, 2, 2));
  restore(page(1, 2, 1, 1, 3));  // out of order: older than the version that is there
  EXPECT_EQ(finish(), 0u);
  EXPECT_EQ(rig_.catalog().pages(), 1u);
  ASSERT_NE(rig_.find(1, 1), nullptr);
  EXPECT_EQ(rig_.find(1, 1)->object->source->info.etag, CatalogRig::version(2).etag);
}

/// The process may die after a page was listed, and before its parts were removed.
TEST_F(CatalogRestore, PartsUnderANewerPageOrPartAreDropped) {
  restore(part(0, 100, 1, 0));
  restore(part(200, 100, 2, 1));
  restore(part(150, 300, 3, 2));  // has the part before
  EXPECT_EQ(rig_.catalog().parts(), 2u);
  restore(part(200, 100, 2, 1));  // a copy of the record
  EXPECT_EQ(rig_.catalog().parts(), 2u);
  restore(page(1, 0, 4, 1, 3));
  EXPECT_EQ(rig_.catalog().parts(), 0u);
  restore(part(0, 100, 1, 0));
  EXPECT_EQ(rig_.catalog().parts(), 0u) << "a copy of the record";
  restore(part(5'000, 100, 5, 4));  // the page ends before
  restore(part(10, 100, 6, 5));     // newer than the page: its region was out of use
  EXPECT_EQ(finish(), 0u);
  EXPECT_EQ(rig_.catalog().parts(), 2u);
  EXPECT_EQ(rig_.catalog().pages(), 1u);
}

TEST_F(CatalogRestore, PartsPastTheBoundOfABlockAreDropped) {
  for (uint32_t i = 0; i < 2 * Catalog::kPartsMax; ++i) restore(part(2 * i, 1, 1 + i, i));
  EXPECT_EQ(rig_.catalog().parts(), Catalog::kPartsMax);
  rig_.catalog().restore(RemovalRecord{CatalogRig::id(1), PageAt::part(4), 3});
  EXPECT_EQ(rig_.catalog().parts(), Catalog::kPartsMax - 1);
}

TEST_F(CatalogRestore, PagesOfTwoBucketsStandBesideEachOther) {
  restore(page(1, 0, 1, 1, 0, "a"));
  restore(page(1, 1, 2, 2, 1, "b"));
  restore(page(1, 2, 3, 1, 2, "a"));
  restore(page(1, 2, 4, 2, 3, "b"));  // the same page, from the other bucket
  restore(page(1, 3, 5, 3, 4, "b"));  // b has another version: its older pages go
  EXPECT_EQ(finish(), 0u);
  EXPECT_EQ(rig_.find(1, 0)->object->source->bucket, "a");
  EXPECT_EQ(rig_.find(1, 1), nullptr);
  EXPECT_EQ(rig_.find(1, 2), nullptr);
  EXPECT_EQ(rig_.find(1, 3)->object->source->bucket, "b");
}

TEST_F(CatalogRestore, ARemovalConcernsItsBucket) {
  restore(page(1, 0, 1, 1, 0, "a"));
  restore(page(1, 1, 2, 1, 1, "b"));
  rig_.catalog().restore(ObjectRemovalRecord{CatalogRig::id(1), 9, bucket_sum("c")});
  EXPECT_EQ(rig_.catalog().pages(), 2u);
  rig_.catalog().restore(ObjectRemovalRecord{CatalogRig::id(1), 9, bucket_sum("b")});
  EXPECT_NE(rig_.find(1, 0), nullptr);
  EXPECT_EQ(rig_.find(1, 1), nullptr);
}

TEST_F(CatalogRestore, ARemovalOfAnObjectTakesItsPagesButNoNewerOnes) {
  for (uint32_t i = 0; i < 3; ++i) restore(page(1, i, 1 + i, 1, i));
  rig_.catalog().restore(ObjectRemovalRecord{CatalogRig::id(1), 3, bucket_sum("")});
  EXPECT_EQ(rig_.catalog().pages(), 0u);
  for (uint32_t i = 0; i < 3; ++i) restore(page(1, i, 4 + i, 1, i));
  rig_.catalog().restore(ObjectRemovalRecord{CatalogRig::id(1), 3, bucket_sum("")});
  rig_.catalog().restore(ObjectRemovalRecord{CatalogRig::id(2), 9});
  EXPECT_EQ(finish(), 0u);
  EXPECT_EQ(rig_.catalog().pages(), 3u);
  EXPECT_EQ(rig_.catalog().last_generation(), 9u);
}

TEST_F(CatalogRestore, TheNewerPageGetsASpaceThatTwoClaim) {
  restore(page(1, 0, 1, 1, 5));
  restore(page(2, 0, 2, 1, 5));
  EXPECT_EQ(finish(), 1u);
  EXPECT_EQ(rig_.find(1), nullptr);
  EXPECT_NE(rig_.find(2), nullptr);
  EXPECT_TRUE(rig_.journal().has_pending()) << "a removal";
}

TEST_F(CatalogRestore, AnObjectOfAnySizeCostsWhatItsPagesCost) {
  constexpr uint32_t kPages = 100'000;  // a walk of all of them for each would take minutes
  for (uint32_t i = 0; i < kPages; ++i) restore(page(1, i, 1 + i, 1, i));
  EXPECT_EQ(finish(), 0u);
  EXPECT_EQ(rig_.catalog().pages(), kPages);
}

TEST_F(CatalogRestore, NeverTakesMoreMemoryThanItMay) {
  constexpr uint32_t kPages = 20'000;
  constexpr size_t kMemory = kMiB;
  CatalogRig rig(kGiB, kMemory);
  for (uint32_t i = 0; i < kPages; ++i) {
    rig.catalog().restore(page(i, 0, 1 + i, 1, i));
    ASSERT_LE(rig.catalog().memory_bytes(), kMemory);
  }
  EXPECT_EQ(
      rig.catalog().finish_restoring({}, ExtentAllocator::kUnitsPerChunk, unshared_attributes), 0u);
  EXPECT_LE(rig.catalog().memory_bytes(), kMemory);
  const size_t pages = rig.catalog().pages();
  EXPECT_GT(pages, 2'000u);
  EXPECT_NE(rig.find(kPages - 1), nullptr) << "the newest stay";
  EXPECT_EQ(rig.find(0), nullptr);
  EXPECT_EQ(rig.journal().appended(), kPages - pages) << "else they would be there next time";
}

}  // namespace
}  // namespace cachey::store
