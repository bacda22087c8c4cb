#include <gtest/gtest.h>

#include <cerrno>

#include "store/disk/recovery.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

uint64_t drops(const DiskHarness& disk, DiskDrop cause) {
  return const_cast<DiskHarness&>(disk).tier().stats().drops[static_cast<size_t>(cause)];
}

TEST(DiskTierFaults, ACorruptBlockIsAMissOnceAndCounted) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("object", 0, kPageBytes);
  ASSERT_EQ(disk.write(page), DiskWrite::kStored);
  const std::span<std::byte> bytes = disk.device().bytes();
  const auto content = page_content(page);
  const std::span<const std::byte> needle = content->bytes().subspan(100 * kDiskBlockBytes, 64);
  const auto at = std::ranges::search(bytes, needle);
  ASSERT_FALSE(at.empty());
  disk.device().flip_bit(static_cast<uint64_t>(at.begin() - bytes.begin()) * 8 + 3);

  EXPECT_EQ(disk.read(page, ByteRange{99 * kDiskBlockBytes, 100 * kDiskBlockBytes}), DiskRead::kOk);
  EXPECT_EQ(disk.read(page, ByteRange{100 * kDiskBlockBytes, 101 * kDiskBlockBytes}),
            DiskRead::kCorrupt);
  EXPECT_EQ(disk.tier().stats().corrupt_blocks, 1u);
  EXPECT_FALSE(disk.has(page));
  EXPECT_EQ(disk.write(page), DiskWrite::kStored) << "it may come again";
  EXPECT_EQ(disk.read(page), DiskRead::kOk);
}

TEST(DiskTierFaults, AnIoErrorIsAMissAndCounted) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("object", 0, 100'000);
  ASSERT_EQ(disk.write(page), DiskWrite::kStored);
  disk.device().fail_reads(EIO, 1);
  EXPECT_EQ(disk.read(page), DiskRead::kFailed);
  EXPECT_EQ(disk.tier().stats().read_errors, 1u);
  EXPECT_TRUE(disk.tier().usage().online);
  EXPECT_FALSE(disk.has(page));
}

TEST(DiskTierFaults, AWriteThatFailsIsADropAndTakesNoSpace) {
  DiskHarness disk(64 * kMiB);
  ASSERT_EQ(disk.write(make_page("first", 0, 100'000)), DiskWrite::kStored);
  ASSERT_TRUE(disk.flush());
  const uint64_t used = disk.tier().usage().used_bytes;
  disk.device().fail_writes(ENOSPC, 1);
  EXPECT_EQ(disk.write(make_page("object", 0, 100'000)), DiskWrite::kDropped);
  EXPECT_EQ(drops(disk, DiskDrop::kWriteError), 1u);
  EXPECT_EQ(disk.tier().usage().used_bytes, used);
  EXPECT_EQ(disk.write(make_page("object", 0, 100'000)), DiskWrite::kStored);
}

TEST(DiskTierFaults, AJournalWriteThatFailsIsTriedAgain) {
  DiskHarness disk(64 * kMiB);
  ASSERT_EQ(disk.write(make_page("first", 0, 100'000)), DiskWrite::kStored);
  disk.device().fail_writes(EIO, 2);
  disk.settle();  // without a request for the page
  disk.reopen();
  EXPECT_EQ(disk.read(make_page("first", 0, 100'000)), DiskRead::kOk);
}

TEST(DiskTierFaults, AReadThatHangsIsAMissAndItsMemoryIsKeptUntilItEnds) {
  DiskTierConfig config = DiskHarness::quick();
  config.read_deadline = 30ms;
  DiskHarness disk(64 * kMiB, config);
  const DiskPage page = make_page("object", 0, 100'000);
  ASSERT_EQ(disk.write(page), DiskWrite::kStored);
  ASSERT_TRUE(disk.flush());
  disk.device().hang();
  std::weak_ptr<AlignedBuffer> memory;
  {
    const auto found = disk.tier().find(disk.worker(), page.kind, page.object, page.page);
    auto into = std::make_shared<AlignedBuffer>(page.bytes);
    memory = into;
    const ByteRange all{0, page.bytes};
    EXPECT_EQ(disk.run(disk.tier().read(disk.worker(), *found, all, {into->part()}, into)),
              DiskRead::kLate);
  }
  EXPECT_EQ(disk.tier().stats().read_timeouts, 1u);
  EXPECT_FALSE(memory.expired());
  disk.device().release();
  disk.settle();
  EXPECT_TRUE(memory.expired());
  EXPECT_EQ(disk.read(page), DiskRead::kOk);
}

TEST(DiskTierFaults, AfterManyFailuresItIsOfflineUntilAProbeSucceeds) {
  DiskHarness disk(64 * kMiB);
  std::vector<DiskPage> pages;
  for (int i = 0; i < 20; ++i) pages.push_back(make_page(std::to_string(i), 0, 50'000));
  for (const DiskPage& page : pages) ASSERT_EQ(disk.write(page), DiskWrite::kStored);
  ASSERT_TRUE(disk.flush());
  disk.device().fail_reads(EIO, 1'000'000);
  disk.device().fail_writes(EIO, 1'000'000);
  for (const DiskPage& page : pages) EXPECT_NE(disk.read(page), DiskRead::kOk);
  EXPECT_FALSE(disk.tier().usage().online);
  EXPECT_EQ(disk.tier().stats().times_offline, 1u);
  EXPECT_EQ(disk.tier().stats().read_errors, uint64_t{DiskHealth::kFailuresMax});
  EXPECT_EQ(disk.write(make_page("new", 0, 50'000)), DiskWrite::kDropped);
  EXPECT_EQ(drops(disk, DiskDrop::kOffline), 1u);

  disk.device().fail_reads(0, 0);
  disk.device().fail_writes(0, 0);
  disk.run_until([&] {
    (void)disk.has(pages.back());  // a request starts the probe
    return disk.tier().usage().online;
  });
  EXPECT_EQ(disk.read(pages.back()), DiskRead::kOk);
  ASSERT_TRUE(disk.flush());
  disk.reopen();
  EXPECT_FALSE(disk.has(pages.front())) << "what failed stays gone";
  EXPECT_TRUE(disk.has(pages.back()));
}

TEST(DiskTierFaults, WhatTheDeviceCannotKeepUpWithIsDroppedByBytesAndCounted) {
  DiskTierConfig config = DiskHarness::quick();
  config.write_queue_bytes = 5 * kMiB;
  config.write_patience = std::chrono::milliseconds(20);
  config.writes_at_once = 2;
  DiskHarness disk(64 * kMiB, config);
  disk.device().hang();
  int stored = 0;
  int dropped = 0;
  auto write = [&](DiskPage page) -> rt::Task<void> {
    const auto content = page_content(page);
    const DiskWrite result =
        co_await disk.tier().write(disk.worker(), page, {content->part()}, content);
    (result == DiskWrite::kStored ? stored : dropped) += 1;
  };
  for (int i = 0; i < 8; ++i) {
    disk.worker().tasks().spawn(write(make_page(std::to_string(i), 0, kMiB)));
  }
  disk.run_until([&] { return dropped == 3; });
  EXPECT_EQ(drops(disk, DiskDrop::kQueueFull), 3u);
  EXPECT_EQ(disk.tier().usage().queued_bytes, 5 * kMiB);
  disk.device().release();
  disk.settle();
  EXPECT_EQ(stored, 5);
  EXPECT_EQ(disk.tier().usage().queued_bytes, 0u);
}

TEST(DiskTierFaults, AWriteOfAVersionThatWasOvertakenIsNotListed) {
  DiskHarness disk(64 * kMiB);
  disk.device().hang();
  std::optional<DiskWrite> result;
  auto write = [&](DiskPage page) -> rt::Task<void> {
    const auto content = page_content(page);
    result = co_await disk.tier().write(disk.worker(), page, {content->part()}, content);
  };
  disk.worker().tasks().spawn(write(make_page("object", 0, 10'000, 1)));
  for (int i = 0; i < 50; ++i) disk.worker().io().poll();
  disk.tier().observe(disk.worker(), "kind", "object", make_page("object", 0, 1, 2).info);
  disk.device().release();
  disk.settle();
  EXPECT_EQ(result, DiskWrite::kDropped);
  EXPECT_EQ(drops(disk, DiskDrop::kStale), 1u);
  EXPECT_EQ(disk.tier().usage().pages, 0u);
}

TEST(DiskTierFaults, AWriteThatWaitsForItsTurnIsOvertakenLikeOneUnderWay) {
  DiskTierConfig config = DiskHarness::quick();
  config.writes_at_once = 1;
  DiskHarness disk(64 * kMiB, config);
  disk.device().hang();
  auto write = [&](DiskPage page) -> rt::Task<void> {
    const auto content = page_content(page);
    (void)co_await disk.tier().write(disk.worker(), page, {content->part()}, content);
  };
  const DiskPage old = make_page("object", 0, 10'000, 1);
  disk.worker().tasks().spawn(write(make_page("other", 0, 10'000)));
  disk.worker().tasks().spawn(write(old));
  disk.run_until([&] { return disk.tier().usage().queued_bytes == 20'000; });
  disk.tier().observe(disk.worker(), "kind", "object", make_page("object", 0, 1, 2).info);
  disk.device().release();
  disk.settle();
  EXPECT_EQ(drops(disk, DiskDrop::kStale), 1u);
  EXPECT_FALSE(disk.has(old));
  EXPECT_TRUE(disk.has(make_page("other", 0, 10'000)));
}

TEST(DiskTierFaults, AWriteDoesNotWaitForeverForATurnThatHangs) {
  DiskTierConfig config = DiskHarness::quick();
  config.writes_at_once = 1;
  config.write_deadline = 20ms;
  DiskHarness disk(64 * kMiB, config);
  disk.device().hang();
  int dropped = 0;
  auto write = [&](DiskPage page) -> rt::Task<void> {
    const auto content = page_content(page);
    const DiskWrite result =
        co_await disk.tier().write(disk.worker(), page, {content->part()}, content);
    if (result == DiskWrite::kDropped) ++dropped;
  };
  disk.worker().tasks().spawn(write(make_page("first", 0, 10'000)));
  disk.worker().tasks().spawn(write(make_page("second", 0, 10'000)));
  const MonoTime limit = disk.clock().mono() + 20s;
  disk.run_until([&] { return dropped == 2 || disk.clock().mono() > limit; });
  EXPECT_EQ(drops(disk, DiskDrop::kWriteError), 1u);
  EXPECT_EQ(drops(disk, DiskDrop::kQueueFull), 1u);
  disk.device().release();
  disk.settle();
  EXPECT_EQ(disk.tier().usage().queued_bytes, 0u);
}

TEST(DiskTierFaults, FlushSaysWhenItCannotKeepTheDeadline) {
  DiskHarness disk(64 * kMiB);
  disk.device().hang();
  auto write = [&](DiskPage page) -> rt::Task<void> {
    const auto content = page_content(page);
    (void)co_await disk.tier().write(disk.worker(), page, {content->part()}, content);
  };
  disk.worker().tasks().spawn(write(make_page("object", 0, 10'000)));
  uint64_t told = 0;
  const MonoTime deadline = disk.clock().mono() + 1500ms;
  EXPECT_FALSE(disk.run(
      disk.tier().flush(disk.worker(), deadline, [&told](uint64_t left) { told = left; })));
  EXPECT_EQ(told, 10'000u);
  disk.device().release();
  EXPECT_TRUE(disk.flush());
}

TEST(DiskTierFaults, ATornJournalLosesNoMoreThanItsTornBlocks) {
  DiskHarness disk(64 * kMiB);
  for (int i = 0; i < 100; ++i) {
    disk.write(make_page(std::to_string(i), 0, 4096));
    ASSERT_TRUE(disk.flush());  // one block per page
  }
  disk.close();
  const ParsedSuperblock parsed =
      parse_superblock(disk.device().bytes().first(kSuperblockBytesMax));
  ASSERT_EQ(parsed.superblock.segments.size(), 2u);
  const uint64_t begin = parsed.superblock.segments[0].first_unit * kUnitBytes;
  for (const uint64_t block : {3ul, 40ul}) {
    disk.device().flip_bit((begin + block * kJournalBlockBytes + 50) * 8);
  }
  disk.open();
  EXPECT_EQ(disk.tier().usage().pages, 98u);
  EXPECT_EQ(disk.tier().stats().recovered_damaged, 2u);
}

}  // namespace
}  // namespace cachey::store
