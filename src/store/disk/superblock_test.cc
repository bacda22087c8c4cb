// Superblocks over losses of power, for sectors of 4 KiB and of 512 bytes.

#include "store/disk/superblock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
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

/// A writer of superblocks, on a device with two whole copies.
class SuperblockWriterTest : public ::testing::Test {
 protected:
  [[nodiscard]] Superblock opened() {
    Superblock superblock;
    superblock.capacity = device_.size();
    superblock.segment_units = 64;
    superblock.sequence = 1;
    CHECK(write_superblock(device_, superblock).ok());
    return superblock;
  }

  [[nodiscard]] IoStatus write() {
    return virtual_.run(writer_.write(virtual_.worker(), {JournalSegment{128, 64, 0, 3}}));
  }
  [[nodiscard]] ParsedSuperblock read() { return *read_superblock(device_); }
  /// Writes of one copy.
  [[nodiscard]] static std::vector<FaultyDevice::Part> of_copy(uint32_t copy) {
    const uint64_t begin = superblock_offset(copy);
    return {{.range = {begin, begin + kUnitBytes}, .reads = false}};
  }

  rt::VirtualWorker virtual_;
  FaultyDevice device_{8 * kMiB};
  DiskStats stats_;
  SuperblockWriter writer_{
      device_, virtual_.clock(), std::chrono::seconds(1), stats_, {opened(), 0}};
};

TEST_F(SuperblockWriterTest, UsesNoNumberTwiceAndKeepsTheOnlyWholeCopy) {
  device_.fail_parts(of_copy(0));
  EXPECT_EQ(write().error, EIO);
  EXPECT_EQ(read().copy, 1u) << "it was written first, since copy 0 was taken to be the whole one";
  const uint64_t sequence = read().superblock.sequence;
  EXPECT_EQ(write().error, EIO);
  EXPECT_EQ(read().superblock.sequence, sequence) << "the bad copy comes first now";
  device_.fail_parts({});
  ASSERT_TRUE(write().ok());
  EXPECT_EQ(read().superblock.sequence, sequence + 2);
  EXPECT_EQ(parse_superblock(device_.bytes().first(kSuperblockBytesMax)).superblock,
            parse_superblock(device_.bytes().subspan(kSuperblockCopyOffset, kSuperblockBytesMax))
                .superblock);
}

TEST_F(SuperblockWriterTest, DoesNotWriteWhileAnOlderSuperblockHangs) {
  device_.hang_parts(of_copy(1));
  EXPECT_EQ(write().error, ETIMEDOUT);
  const MonoTime began = virtual_.clock().mono();
  EXPECT_EQ(write().error, ETIMEDOUT);
  EXPECT_LT(virtual_.clock().mono() - began, std::chrono::milliseconds(100)) << "at once";
  device_.release();
  virtual_.pass(std::chrono::milliseconds(10));
  EXPECT_TRUE(write().ok());
}

}  // namespace
}  // namespace cachey::store
