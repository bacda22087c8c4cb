#include "store/disk/catalog.h"

#include <gtest/gtest.h>

#include <random>
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

TEST(Catalog, ANewVersionSupersedesAnObjectOfAnySizeInOneStep) {
  constexpr uint32_t kPages = 5'000;
  CatalogRig rig(kTiB);
  for (uint32_t page = 0; page < kPages; ++page) ASSERT_TRUE(rig.add(7, page, 4096));
  rig.write_journal();
  const uint64_t records = rig.journal().appended();
  const ObjectInfo same = CatalogRig::version(1);
  rig.catalog().supersede(CatalogRig::id(7), &same);
  EXPECT_NE(rig.find(7, 0), nullptr);
  rig.reset();
  rig.step([&] {
    const ObjectInfo other = CatalogRig::version(2);
    rig.catalog().supersede(CatalogRig::id(7), &other);
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

TEST(Catalog, APageOfASupersededVersionIsNotListed) {
  CatalogRig rig(kGiB);
  DiskEntry* old = rig.place(1, 0, kSmall, CatalogRig::version(1));
  ASSERT_TRUE(rig.add(1, 1, kSmall, CatalogRig::version(2)));
  EXPECT_FALSE(rig.catalog().list(*old, "record"));
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
  rig.catalog().supersede(CatalogRig::id(1), nullptr);
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

}  // namespace
}  // namespace cachey::store
