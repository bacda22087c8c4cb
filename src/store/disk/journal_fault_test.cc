// The journal's faults: lives, unreadable pieces, and a place that fails or hangs.

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <string>

#include "store/disk/recovery.h"
#include "store/disk/superblock.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

DiskPage small(int i, int version = 1) {
  return make_page("object-" + std::to_string(i), 0, 8'000, version);
}

uint64_t dropped(DiskHarness& disk, DiskDrop cause) {
  return disk.tier().stats().drops[static_cast<size_t>(cause)];
}

Superblock superblock_of(DiskHarness& disk) { return read_superblock(disk.device())->superblock; }

ByteRange place_of(DiskHarness& disk, const JournalSegment& segment) {
  const uint64_t begin = segment.first_unit * kUnitBytes;
  return {begin, begin + superblock_of(disk).segment_units * kUnitBytes};
}

/// A tier with pages 0 to `pages`, each in a journal block of its own, all durable.
void fill(DiskHarness& disk, int pages) {
  for (int i = 0; i < pages; ++i) {
    (void)disk.write(small(i));
    ASSERT_TRUE(disk.flush());
  }
}

/// Writes new versions, and returns how many of them are lost after a clean restart, or replaced by
/// the old version.
int lost_after_new_versions(DiskHarness& disk, int first, int end) {
  for (int i = first; i < end; ++i) {
    EXPECT_EQ(disk.write(small(i, 2)), DiskWrite::kStored);
    EXPECT_TRUE(disk.flush());
    EXPECT_TRUE(disk.has(small(i, 2)));
  }
  disk.reopen();
  int lost = 0;
  for (int i = first; i < end; ++i) {
    lost += !disk.has(small(i, 2)) || disk.read(small(i, 2)) != DiskRead::kOk || disk.has(small(i));
  }
  return lost;
}

TEST(JournalLives, AReadErrorAtOneStartBringsNothingBackAtTheNext) {
  DiskHarness disk(64 * kMiB);
  fill(disk, 84);
  const Superblock superblock = superblock_of(disk);
  ASSERT_EQ(superblock.segments.size(), 2u);
  disk.close();
  disk.device().fail_parts({{place_of(disk, superblock.segments[1])}});
  disk.open();
  disk.device().fail_parts({});
  EXPECT_EQ(disk.tier().usage().pages, 64u);
  EXPECT_GE(disk.tier().stats().recovered_unreadable, 20u) << "not silently the end of the log";
  EXPECT_EQ(lost_after_new_versions(disk, 70, 74), 0);
  for (int i = 74; i < 84; ++i) EXPECT_FALSE(disk.has(small(i))) << "cut off for good";
  EXPECT_EQ(disk.tier().stats().recovered_unreadable, 0u);
}

TEST(JournalLives, ARemovalThatNoRecordToldOfHoldsForWhatCouldNotBeRead) {
  DiskHarness disk(64 * kMiB);
  fill(disk, 84);
  const Superblock superblock = superblock_of(disk);
  disk.close();
  disk.device().fail_parts({{place_of(disk, superblock.segments[1])}});
  disk.open();
  disk.device().fail_parts({});
  disk.tier().remove(disk.worker(), "kind", "object-70");  // unknown to this life
  disk.reopen();
  EXPECT_FALSE(disk.has(small(70)));
}

TEST(JournalLives, AReadThatFailsOnceIsTriedAgain) {
  DiskHarness disk(64 * kMiB);
  fill(disk, 20);
  disk.close();
  auto tier = [&] { disk.device().fail_reads(EIO, 2); };
  DiskTier late(DiskHarness::quick(), disk.clock());
  SeededRandom random(7);
  ASSERT_TRUE(late.attach(disk.device(), DiskTier::Start::kKeep, random));
  tier();
  late.recover();
  EXPECT_EQ(late.usage().pages, 20u);
  EXPECT_EQ(late.stats().recovered_unreadable, 0u);
}

TEST(JournalLives, AnUnreadablePieceInTheMiddleIsLeftOutOfTheLog) {
  DiskHarness disk(64 * kMiB);
  for (int life = 0; life < 3; ++life) {  // three segments
    for (int i = 0; i < 1'000; ++i) (void)disk.write(small(life * 1'000 + i));
    ASSERT_TRUE(disk.flush());
    disk.reopen();
  }
  const Superblock superblock = superblock_of(disk);
  ASSERT_EQ(superblock.segments.size(), 3u);
  const ByteRange middle = place_of(disk, superblock.segments[1]);
  disk.close();
  disk.device().fail_parts({{{middle.begin, middle.begin + 64 * kKiB}}});
  disk.open();
  EXPECT_EQ(disk.tier().stats().recovered_unreadable, 16u);
  EXPECT_EQ(disk.tier().stats().recovered_damaged, 0u);
  const uint64_t pages = disk.tier().usage().pages;
  EXPECT_LT(pages, 3'000u);
  EXPECT_GT(pages, 2'000u);
  ASSERT_EQ(disk.write(small(5'000)), DiskWrite::kStored);
  ASSERT_TRUE(disk.flush());
  disk.settle();
  for (const JournalSegment& segment : superblock_of(disk).segments) {
    EXPECT_GT(segment.first_block, superblock.segments[1].first_block);
  }
  disk.device().fail_parts({});
  disk.reopen();
  EXPECT_EQ(disk.tier().usage().pages, pages + 1) << "what was not read does not come back";
  EXPECT_EQ(disk.tier().stats().recovered_unreadable, 0u);
}

TEST(JournalLives, WhatWasSupersededAfterALossOfPowerStaysSuperseded) {
  for (const uint64_t sector : {uint64_t{512}, kUnitBytes}) {
    for (uint32_t seed = 1; seed <= 30; ++seed) {
      DiskHarness disk(8 * kMiB, DiskHarness::quick(), sector, seed);
      fill(disk, 60);
      disk.device().track_unsynced();
      for (int i = 60; i < 84; ++i) {  // the 65th begins a segment
        (void)disk.write(small(i));
        disk.settle();
      }
      disk.close();
      disk.device().lose_power(seed);
      disk.open();
      EXPECT_EQ(lost_after_new_versions(disk, 70, 74), 0) << "seed " << seed;
    }
  }
}

TEST(JournalLives, GenerationsGrowFromLifeToLife) {
  DiskHarness disk(64 * kMiB);
  for (uint64_t life = 1; life <= 3; ++life) {
    ASSERT_EQ(disk.write(small(static_cast<int>(life))), DiskWrite::kStored);
    ASSERT_TRUE(disk.flush());
    EXPECT_EQ(superblock_of(disk).openings, life);
    disk.reopen();
  }
  EXPECT_EQ(superblock_of(disk).openings, 3u) << "an opening without a record is not counted";
  std::map<std::string, uint64_t> openings;
  (void)replay_journal(
      disk.device(), superblock_of(disk), [&](const JournalRecord& record, uint64_t) {
        const auto* page = std::get_if<PageRecord>(&record);
        if (page == nullptr) return;
        openings[std::string(page->key)] = page->generation >> kGenerationCountBits;
      });
  const std::map<std::string, uint64_t> expected{{"object-1", 1}, {"object-2", 2}, {"object-3", 3}};
  EXPECT_EQ(openings, expected);
}

/// A tier with one page. The place of its journal is about to fail.
class JournalPlace : public ::testing::Test {
 protected:
  static DiskTierConfig config(int64_t& charged) {
    DiskTierConfig made = DiskHarness::quick();
    made.journal_pending_bytes = 256 * kKiB;
    made.charge = [&charged](int64_t bytes) { charged += bytes; };
    return made;
  }
  void SetUp() override {
    fill(disk_, 1);
    place_ = place_of(disk_, superblock_of(disk_).segments.back());
  }
  /// Writes pages and lets 10 ms pass for each.
  int store(int first, int end) {
    int stored = 0;
    for (int i = first; i < end; ++i) {
      stored += disk_.write(small(i)) == DiskWrite::kStored;
      disk_.pass(10ms);
    }
    return stored;
  }
  [[nodiscard]] int found(int first, int end) {
    int found = 0;
    for (int i = first; i < end; ++i) found += disk_.has(small(i));
    return found;
  }

  int64_t charged_ = 0;
  DiskHarness disk_{64 * kMiB, config(charged_)};
  ByteRange place_;
};

TEST_F(JournalPlace, WhereWritesFailIsLeftAndNothingIsLost) {
  disk_.device().fail_parts({{.range = place_, .reads = false}});
  EXPECT_EQ(store(1, 500), 499);
  ASSERT_TRUE(disk_.flush());
  disk_.settle();
  EXPECT_EQ(disk_.tier().stats().journal_moves, 1u);
  EXPECT_EQ(disk_.tier().stats().journal_lost_blocks, 0u);
  EXPECT_EQ(disk_.tier().stats().times_offline, 0u);
  for (const JournalSegment& segment : superblock_of(disk_).segments) {
    EXPECT_NE(place_of(disk_, segment), place_) << "its records were copied";
  }
  disk_.reopen();
  EXPECT_EQ(found(0, 500), 500);
}

TEST_F(JournalPlace, WhereReadsFailTooIsLeftAndItsRecordsAreLostAndCounted) {
  disk_.device().fail_parts({{.range = place_}});
  EXPECT_EQ(store(1, 500), 499);
  ASSERT_TRUE(disk_.flush());
  disk_.settle();
  EXPECT_EQ(disk_.tier().stats().journal_lost_blocks, 1u);
  EXPECT_TRUE(disk_.has(small(0))) << "until the restart";
  disk_.reopen();
  EXPECT_EQ(found(1, 500), 499);
  EXPECT_FALSE(disk_.has(small(0)));
}

TEST_F(JournalPlace, ThatHangsIsLeftAfterTheDeadline) {
  disk_.device().hang_parts({{.range = place_, .reads = false}});
  EXPECT_EQ(store(1, 2'000), 1'999);  // 20 s
  ASSERT_TRUE(disk_.flush());
  EXPECT_EQ(disk_.tier().stats().journal_moves, 1u);
  EXPECT_EQ(disk_.tier().stats().times_offline, 0u);
  disk_.device().release();
  disk_.settle();
  disk_.reopen();
  EXPECT_EQ(found(0, 2'000), 2'000);
}

TEST_F(JournalPlace, ThatWasLeftIsNotUsedAgainSoon) {
  const uint64_t used = disk_.tier().usage().used_bytes;
  for (int i = 1; i <= 40; ++i) {
    const ByteRange place = place_of(disk_, superblock_of(disk_).segments.back());
    disk_.device().fail_parts({{.range = place, .reads = false}});
    EXPECT_EQ(store(i, i + 1), 1);
    ASSERT_TRUE(disk_.flush());
    disk_.pass(DiskHealth::kWindow);
  }
  EXPECT_EQ(disk_.tier().stats().journal_moves, 40u);
  EXPECT_EQ(disk_.tier().usage().used_bytes,
            used + JournalTask::kBadPlacesMax * place_.size() + 40 * 2 * kUnitBytes);
}

TEST_F(JournalPlace, WhereNoPlaceCanBeWrittenTakesABoundedShareOfTheDisk) {
  const uint64_t used = disk_.tier().usage().used_bytes;
  ASSERT_EQ(disk_.write(small(1)), DiskWrite::kStored);
  disk_.device().fail_parts({{.range = {kDataOffset, 64 * kMiB}, .reads = false}});
  for (int i = 0; i < 60; ++i) {  // an hour
    (void)disk_.has(small(0));    // a request starts the probe
    disk_.pass(60s);
  }
  EXPECT_EQ(disk_.tier().stats().journal_moves, 2 * JournalTask::kBadPlacesMax);
  EXPECT_LE(disk_.tier().usage().used_bytes,
            used + (2 * JournalTask::kBadPlacesMax + 1) * place_.size());
  disk_.device().fail_parts({});
  disk_.run_until([&] {
    (void)disk_.has(small(0));
    return disk_.tier().usage().online;
  });
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  EXPECT_EQ(found(0, 2), 2);
}

TEST_F(JournalPlace, RecordsThatWaitForItHaveABoundAndAreCharged) {
  disk_.device().hang_parts({{.range = place_, .reads = false}});
  int stored = 0;
  for (int i = 1; i < 4'000; ++i) stored += disk_.write(small(i)) == DiskWrite::kStored;
  EXPECT_GT(stored, 1'000);
  EXPECT_EQ(dropped(disk_, DiskDrop::kJournalFull), 3'999u - static_cast<uint64_t>(stored));
  EXPECT_EQ(charged_, static_cast<int64_t>(disk_.tier().usage().memory_bytes));
  disk_.pass(15s);  // the deadline
  EXPECT_EQ(disk_.tier().usage().pending_records, 0u);
  EXPECT_EQ(charged_, static_cast<int64_t>(disk_.tier().usage().memory_bytes));
  EXPECT_EQ(disk_.write(small(5'000)), DiskWrite::kStored);
  disk_.device().release();
}

TEST_F(JournalPlace, OfTheSuperblockThatFailsTakesTheDiskOffline) {
  disk_.device().fail_parts({{.range = {0, kProbeOffset}, .reads = false}});
  for (int i = 1; i < 3'000 && disk_.tier().usage().online; ++i) (void)store(i, i + 1);
  EXPECT_FALSE(disk_.tier().usage().online);
  EXPECT_GE(disk_.tier().stats().write_errors, uint64_t{JournalTask::kSuperblockTries});
  disk_.device().fail_parts({});
  disk_.run_until([&] {
    (void)disk_.has(small(0));  // a request starts the probe
    return disk_.tier().usage().online;
  });
  ASSERT_TRUE(disk_.flush());
  const uint64_t pages = disk_.tier().usage().pages;
  disk_.reopen();
  EXPECT_EQ(disk_.tier().usage().pages, pages);
}

TEST_F(JournalPlace, OfTheSuperblockThatHangsTakesTheDiskOfflineUntilItHasAnswered) {
  disk_.device().hang_parts({{.range = {0, kProbeOffset}, .reads = false}});
  for (int i = 1; i < 3'000 && disk_.tier().usage().online; ++i) (void)store(i, i + 1);
  EXPECT_FALSE(disk_.tier().usage().online);
  const uint64_t sequence = superblock_of(disk_).sequence;
  for (int i = 0; i < 1'000; ++i) {  // probes succeed: the superblock is not written again
    (void)disk_.has(small(0));
    disk_.pass(100ms);
  }
  EXPECT_EQ(superblock_of(disk_).sequence, sequence);
  disk_.device().release();
  disk_.run_until([&] {
    (void)disk_.has(small(0));
    return disk_.tier().usage().online;
  });
  ASSERT_TRUE(disk_.flush());
  EXPECT_GT(superblock_of(disk_).sequence, sequence);
  const uint64_t pages = disk_.tier().usage().pages;
  disk_.reopen();
  EXPECT_EQ(disk_.tier().usage().pages, pages);
}

TEST_F(JournalPlace, OfANewSegmentIsNotGivenToPagesAfterAFailedSuperblock) {
  disk_.device().fail_parts({{.range = {kSuperblockCopyOffset, kProbeOffset}, .reads = false}});
  for (int i = 1; i < 200; ++i) {
    (void)disk_.write(small(i));
    disk_.pass(30ms);
  }
  disk_.close();  // one copy may list the segment; recovery gives its space to the segment
  disk_.device().fail_parts({});
  disk_.open();
  EXPECT_EQ(disk_.tier().usage().pages, 64u) << "those with a record";
}

}  // namespace
}  // namespace cachey::store
