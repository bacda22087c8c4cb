// A store that a program of an older version of the format has made.

#include <gtest/gtest.h>

#include <cerrno>
#include <span>
#include <vector>

#include "store/disk/format.h"
#include "store/disk/superblock.h"
#include "store/testing/old_stores.h"

namespace cachey::store {
namespace {

constexpr uint64_t kBytes = 4 * kMiB;

class Upgrade : public ::testing::TestWithParam<OldStore> {
 protected:
  Upgrade() : disk_(kBytes) {
    disk_.close();
    make_old();
  }

  void make_old() {
    disk_.device().revive();
    std::ranges::fill(disk_.device().bytes(), std::byte{0});
    write_old_store(disk_.device(), GetParam());
  }
  [[nodiscard]] uint32_t version_of(uint32_t copy) {
    const std::span<const std::byte> bytes = disk_.device().bytes();
    return parse_superblock(bytes.subspan(superblock_offset(copy), kSuperblockBytesMax)).version;
  }
  [[nodiscard]] std::vector<std::byte> data() {
    const std::span<const std::byte> bytes = disk_.device().bytes().subspan(kDataOffset);
    return {bytes.begin(), bytes.end()};
  }
  void expect_all_pages() {
    for (const auto& [unit, page] : GetParam().pages) {
      EXPECT_TRUE(disk_.has(page)) << page.object;
      EXPECT_EQ(disk_.read(page), DiskRead::kOk) << page.object;
    }
    EXPECT_FALSE(disk_.tier().find(disk_.worker(), "kind", "b", PageAt())) << "was removed";
    EXPECT_EQ(disk_.wrong_reads(), 0u);
  }

  FixedRandom random_{0.5};
  DiskHarness disk_;
};

TEST_P(Upgrade, KeepsThePagesAndTakesNewOnes) {
  disk_.open();
  expect_all_pages();
  const DiskPage added = make_page("c", 3, 9'000);
  EXPECT_EQ(disk_.write(added), DiskWrite::kStored);
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  expect_all_pages();
  EXPECT_TRUE(disk_.has(added));
}

TEST_P(Upgrade, SaysItsVersionInBothCopiesBeforeAnythingElseIsWritten) {
  const std::vector<std::byte> before = data();
  DiskTier tier(DiskHarness::quick(), disk_.clock());
  ASSERT_TRUE(tier.attach(disk_.device(), DiskTier::Start::kKeep, random_));
  EXPECT_EQ(version_of(0), kDiskFormatVersion);
  EXPECT_EQ(version_of(1), kDiskFormatVersion);
  EXPECT_TRUE(data() == before);
}

TEST_P(Upgrade, GoesOnAfterADeathAtAnyWrite) {
  for (uint32_t writes = 0; writes < 3; ++writes) {
    for (uint32_t seed = 0; seed < 8; ++seed) {
      make_old();
      const std::vector<std::byte> before = data();
      disk_.device().die_after(writes, seed);
      {
        DiskTier tier(DiskHarness::quick(), disk_.clock());
        (void)tier.attach(disk_.device(), DiskTier::Start::kKeep, random_);
      }
      disk_.device().revive();
      EXPECT_TRUE(data() == before) << "the old program would still read the store";
      disk_.open();
      EXPECT_EQ(version_of(0), kDiskFormatVersion);
      EXPECT_EQ(version_of(1), kDiskFormatVersion);
      expect_all_pages();
      disk_.close();
    }
  }
}

/// The old program opens a valid copy of its version, whatever the other copy is.
TEST_P(Upgrade, OfOneCopyAloneIsDoneForTheOtherToo) {
  for (const uint32_t old : {0u, 1u}) {
    make_old();
    Superblock newer = read_superblock(disk_.device())->superblock;
    ++newer.sequence;
    const std::vector<std::byte> encoded = encode_superblock(newer);
    std::ranges::copy(encoded, disk_.device().bytes().subspan(superblock_offset(1 - old)).begin());
    ASSERT_EQ(version_of(old), GetParam().version);
    disk_.open();
    EXPECT_EQ(version_of(old), kDiskFormatVersion);
    expect_all_pages();
    disk_.close();
  }
}

TEST_P(Upgrade, OfAStoreThatAlsoGetsSmallerKeepsThePages) {
  disk_.device().resize(3 * kMiB);
  disk_.open();
  EXPECT_EQ(version_of(0), kDiskFormatVersion);
  EXPECT_EQ(version_of(1), kDiskFormatVersion);
  expect_all_pages();
  disk_.reopen();
  expect_all_pages();
  EXPECT_EQ(disk_.tier().usage().capacity, 3 * kMiB);
}

TEST_P(Upgrade, ThatCannotBeWrittenLeavesTheStoreAlone) {
  const std::vector<std::byte> before = data();
  disk_.device().fail_writes(EIO, 1);
  DiskTier tier(DiskHarness::quick(), disk_.clock());
  const Result<void> attached = tier.attach(disk_.device(), DiskTier::Start::kKeep, random_);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().kind(), ErrorKind::kInternal);
  EXPECT_TRUE(data() == before);
  disk_.open();
  expect_all_pages();
}

/// The pages of such a store have no attributes until an answer brings some.
TEST_P(Upgrade, KnowsNoAttributesUntilAnAnswerHasSome) {
  disk_.open();
  const DiskPage page = GetParam().pages.front().second;
  EXPECT_EQ(disk_.tier().version_of("kind", page.object)->info.attributes, nullptr);
  ObjectSource seen{page.info, page.bucket};
  seen.info.attributes = std::make_shared<const ObjectAttributes>("Content-Type: a/b\r\n", "");
  disk_.tier().observe(disk_.worker(), "kind", page.object, seen);
  ASSERT_TRUE(disk_.flush());
  for (int turn = 0; turn < 2; ++turn) {
    const ObjectSourcePtr known = disk_.tier().version_of("kind", page.object);
    ASSERT_NE(known->info.attributes, nullptr);
    EXPECT_EQ(known->info.attributes->lines(), "Content-Type: a/b\r\n");
    expect_all_pages();
    disk_.reopen();
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Upgrade, ::testing::Values(version2_store(), version3_store()),
                         [](const auto& store) {
                           return "Version" + std::to_string(store.param.version);
                         });

}  // namespace
}  // namespace cachey::store
