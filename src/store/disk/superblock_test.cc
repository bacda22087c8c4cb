// Superblocks over losses of power, for sectors of 4 KiB and of 512 bytes.

#include "store/disk/superblock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

class SuperblockCopies : public ::testing::TestWithParam<uint64_t> {
 protected:
  SuperblockCopies() : device_(8 * kMiB, GetParam()) {
    superblock_.capacity = device_.size();
    superblock_.segment_units = 64;
    superblock_.sequence = 1;
  }

  /// A superblock that differs from the last in each sector.
  void next(size_t segments) {
    ++superblock_.sequence;
    superblock_.segments.assign(segments, JournalSegment{128, 64, superblock_.sequence, 3});
  }

  FaultyDevice device_;
  Superblock superblock_;
};

TEST_P(SuperblockCopies, ALossOfPowerLeavesAWholeCopyOfTheLastOrTheOneBefore) {
  device_.track_unsynced();
  for (const size_t segments : {1, 20, 100, 300, 1'000}) {
    next(segments);
    ASSERT_TRUE(write_superblock(device_, superblock_).ok());
    for (uint32_t seed = 0; seed < 100; ++seed) {
      const uint64_t before = superblock_.sequence;
      const uint32_t first = 1 - read_superblock(device_)->copy;
      next(segments);
      device_.die_after(seed % 3, seed);  // within the first copy, the second, or never
      (void)write_superblock(device_, superblock_, first);
      device_.revive();
      device_.lose_power(seed);
      const Result<ParsedSuperblock> read = read_superblock(device_);
      ASSERT_EQ(read->state, SuperblockState::kValid) << segments << " segments, seed " << seed;
      EXPECT_GE(read->superblock.sequence, before);
      superblock_ = read->superblock;
    }
  }
}

TEST_P(SuperblockCopies, WhatASuperblockTellsOfIsDurableBeforeIt) {
  device_.track_unsynced();
  AlignedBuffer records(kJournalBlockBytes);
  records.bytes()[7] = std::byte{7};
  ASSERT_TRUE(device_.write_now(kDataOffset, records.bytes()).ok());
  ASSERT_TRUE(write_superblock(device_, superblock_).ok());
  for (uint32_t seed = 0; seed < 20; ++seed) {
    device_.lose_power(seed);
    EXPECT_EQ(device_.bytes()[kDataOffset + 7], std::byte{7});
  }
}

/// The canary: without the rule's syncs both copies may be torn where a sector is small.
TEST(SuperblockCopies, CopiesThatAreWrittenWithoutASyncBetweenMayBothBeTorn) {
  int torn = 0;
  for (uint32_t seed = 0; seed < 50; ++seed) {
    FaultyDevice device(8 * kMiB, 512);
    device.track_unsynced();
    Superblock superblock;
    superblock.capacity = device.size();
    superblock.segment_units = 64;
    superblock.segments.assign(300, JournalSegment{128, 64, seed + 1, 3});
    const std::vector<std::byte> encoded = encode_superblock(superblock);
    AlignedBuffer buffer(encoded.size());
    std::ranges::copy(encoded, buffer.bytes().begin());
    for (const uint32_t copy : {0u, 1u}) {
      ASSERT_TRUE(device.write_now(superblock_offset(copy), buffer.bytes()).ok());
    }
    device.lose_power(seed);
    torn += read_superblock(device)->state != SuperblockState::kValid;
  }
  EXPECT_GT(torn, 40);
}

INSTANTIATE_TEST_SUITE_P(Sectors, SuperblockCopies, ::testing::Values(512, kUnitBytes));

/// A tier dies at each of its writes in turn while its journal grows.
TEST(SuperblockCopies, ATierThatDiesWhileItWritesOneOpensAgain) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    DiskHarness disk(8 * kMiB, DiskHarness::quick(), 512, seed);
    disk.device().track_unsynced();
    for (int life = 0; life < 4; ++life) {
      disk.device().die_after(seed % 5, seed);
      disk.write(make_page("object", 0, 4096, life));
      (void)disk.flush();
      disk.close();
      disk.device().revive();
      disk.device().lose_power(seed);
      disk.open();
    }
  }
}

}  // namespace
}  // namespace cachey::store
