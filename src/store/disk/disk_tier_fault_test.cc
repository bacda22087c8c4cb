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
  disk.device().fail_writes(EIO, 1);
  EXPECT_EQ(disk.write(make_page("object", 0, 100'000)), DiskWrite::kDropped);
  EXPECT_EQ(drops(disk, DiskDrop::kWriteError), 1u);
  EXPECT_EQ(disk.tier().usage().used_bytes, used);
  EXPECT_EQ(disk.write(make_page("object", 0, 100'000)), DiskWrite::kStored);
}

TEST(DiskTierFaults, AnOperationThatThrowsIsOneThatFails) {
  DiskHarness disk(64 * kMiB);
  disk.device().throw_at_operations(1);
  EXPECT_EQ(disk.write(make_page("object", 0, 100'000)), DiskWrite::kDropped);
  EXPECT_EQ(drops(disk, DiskDrop::kWriteError), 1u);
  ASSERT_EQ(disk.write(make_page("object", 0, 100'000)), DiskWrite::kStored);
  disk.device().throw_at_operations(2);
  disk.settle();  // the journal's write
  disk.reopen();
  EXPECT_EQ(disk.read(make_page("object", 0, 100'000)), DiskRead::kOk);
}

TEST(DiskTierFaults, AProbeThatThrowsIsFollowedByAnother) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("object", 0, 100'000);
  disk.device().fail_writes(EIO, DiskHealth::kFailuresMax);
  while (disk.tier().usage().online) (void)disk.write(page);
  disk.device().throw_at_operations(2);
  for (int minutes = 0; minutes < 3; ++minutes) {
    disk.pass(1min);
    (void)disk.write(page);  // begins a probe
    disk.settle();
  }
  EXPECT_TRUE(disk.tier().usage().online);
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
    const auto found = disk.tier().find(disk.worker(), page.kind, page.object, page.at);
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
  EXPECT_FALSE(disk.has(page)) << "a later read would hang, too";
  EXPECT_EQ(disk.write(page), DiskWrite::kStored) << "elsewhere";
  EXPECT_EQ(disk.read(page), DiskRead::kOk);
}

TEST(DiskTierFaults, ReadsThatHangHoldABoundedMemoryThenReadsAreRefused) {
  DiskTierConfig config = DiskHarness::quick();
  config.read_deadline = 30ms;
  config.late_bytes_max = 450'000;
  DiskHarness disk(64 * kMiB, config);
  std::vector<DiskPage> pages;
  for (int i = 0; i < 5; ++i) pages.push_back(make_page(std::to_string(i), 0, 100'000));
  for (const DiskPage& page : pages) ASSERT_EQ(disk.write(page), DiskWrite::kStored);
  ASSERT_TRUE(disk.flush());
  disk.device().hang_parts({{.range = {0, 64 * kMiB}, .writes = false}});
  EXPECT_EQ(disk.read(pages[0]), DiskRead::kLate);
  EXPECT_EQ(disk.read(pages[1]), DiskRead::kLate);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(disk.read(pages[2]), DiskRead::kRefused);
  EXPECT_EQ(disk.tier().stats().reads_refused, 50u);
  EXPECT_LE(disk.tier().usage().late_bytes, config.late_bytes_max / 2);
  EXPECT_FALSE(disk.tier().may_read(100'000));
  EXPECT_EQ(disk.write(make_page("new", 0, 300'000)), DiskWrite::kDropped);
  EXPECT_EQ(drops(disk, DiskDrop::kStuck), 1u);
  EXPECT_TRUE(disk.tier().usage().online);
  disk.device().release();
  disk.settle();
  EXPECT_EQ(disk.tier().usage().late_bytes, 0u);
  EXPECT_EQ(disk.read(pages[2]), DiskRead::kOk);
}

TEST(DiskTierFaults, APartThatHangsOnWritesLeavesTheOthersInUse) {
  DiskTierConfig config = DiskHarness::quick();
  config.write_deadline = 30ms;
  config.writes.bytes_at_once = kPageBytes;
  config.late_bytes_max = 4 * kPageBytes;
  DiskHarness disk(256 * kMiB, config);
  ASSERT_EQ(disk.write(make_page("first", 0, 1)), DiskWrite::kStored);  // the journal has its place
  ASSERT_TRUE(disk.flush());
  disk.device().hang_parts({{.range = {32 * kMiB, 64 * kMiB}, .reads = false}});
  uint64_t stored = 0;
  for (int i = 0; i < 12; ++i) {
    const DiskWrite result = disk.write(make_page(std::to_string(i), 0, kPageBytes));
    if (result == DiskWrite::kStored) ++stored;
  }
  EXPECT_GE(stored, 8u);
  EXPECT_GT(drops(disk, DiskDrop::kWriteError), 0u) << "or the part was not reached";
  EXPECT_TRUE(disk.tier().usage().online);
  EXPECT_LE(disk.tier().usage().late_bytes, 4 * kPageBytes);
  disk.device().release();
  disk.settle();
  EXPECT_EQ(disk.tier().usage().late_bytes, 0u);
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

/// Pages of one size that wait to be written, and their memory.
class Offered {
 public:
  explicit Offered(DiskHarness& disk) : disk_(disk) {}
  void offer(const DiskPage& page) {
    memory_.push_back(page_content(page));
    disk_.tier().offer(disk_.worker(), page_source(page, memory_.back()));
    disk_.worker().io().poll();
  }
  /// The pages that were not taken yet are evicted.
  void evict() { memory_.clear(); }

 private:
  DiskHarness& disk_;
  std::vector<std::shared_ptr<AlignedBuffer>> memory_;
};

TEST(DiskTierFaults, WhatTheDeviceCannotKeepUpWithIsDroppedByBytesAndCounted) {
  DiskTierConfig config = DiskHarness::quick();
  config.writes.bytes = 3 * kMiB;
  config.writes.at_once = 2;
  DiskHarness disk(64 * kMiB, config);
  disk.device().hang();
  Offered offered(disk);
  for (int i = 0; i < 8; ++i) offered.offer(make_page(std::to_string(i), 0, kMiB));
  EXPECT_EQ(drops(disk, DiskDrop::kQueueFull), 3u);
  EXPECT_EQ(disk.tier().usage().queued_bytes, 5 * kMiB);
  EXPECT_FALSE(disk.tier().has_room(kMiB));
  disk.device().release();
  disk.settle();
  EXPECT_EQ(disk.tier().stats().insertions, 5u);
  EXPECT_EQ(disk.tier().usage().queued_bytes, 0u);
  EXPECT_TRUE(disk.has(make_page("7", 0, kMiB))) << "the newest pages stay";
}

TEST(DiskTierFaults, APageThatIsEvictedBeforeItsTurnIsNotWritten) {
  DiskTierConfig config = DiskHarness::quick();
  config.writes.at_once = 1;
  DiskHarness disk(64 * kMiB, config);
  disk.device().hang();
  Offered offered(disk);
  for (int i = 0; i < 5; ++i) offered.offer(make_page(std::to_string(i), 0, 10'000));
  offered.evict();
  disk.device().release();
  disk.settle();
  EXPECT_EQ(drops(disk, DiskDrop::kEvicted), 4u);
  EXPECT_TRUE(disk.has(make_page("0", 0, 10'000))) << "the device had this page's memory";
  EXPECT_EQ(disk.tier().usage().queued_bytes, 0u);
}

TEST(DiskTierFaults, AWriteOfAVersionThatWasOvertakenIsNotListed) {
  DiskHarness disk(64 * kMiB);
  disk.device().hang();
  Offered offered(disk);
  offered.offer(make_page("object", 0, 10'000, 1));
  for (int i = 0; i < 50; ++i) disk.worker().io().poll();
  disk.tier().observe(disk.worker(), "kind", "object",
                      {make_page("object", 0, 1, 2).info, "bucket"});
  disk.device().release();
  disk.settle();
  EXPECT_EQ(drops(disk, DiskDrop::kStale), 1u);
  EXPECT_EQ(disk.tier().usage().pages, 0u);
}

/// A page of an object that changes during take(), as another worker may cause.
class OvertakenSource final : public DiskWriteSource {
 public:
  OvertakenSource(DiskHarness& disk, DiskPage page) : disk_(disk), page_(std::move(page)) {}
  [[nodiscard]] uint64_t bytes() const override { return page_.bytes; }
  [[nodiscard]] DiskPage page() const override { return page_; }
  [[nodiscard]] std::optional<DiskPageMemory> take() override {
    const DiskPage newer = make_page(page_.object, 1, 10'000, 2);
    disk_.tier().observe(disk_.worker(), newer.kind, newer.object, {newer.info, "bucket"});
    const auto content = page_content(page_);
    return DiskPageMemory{{content->part()}, content};
  }

 private:
  DiskHarness& disk_;
  const DiskPage page_;
};

TEST(DiskTierFaults, AVersionThatComesAsAWriteBeginsWins) {
  DiskHarness disk(64 * kMiB);
  const DiskPage newer = make_page("object", 1, 10'000, 2);
  ASSERT_EQ(disk.write(newer), DiskWrite::kStored);
  OvertakenSource old(disk, make_page("object", 0, 10'000, 1));
  EXPECT_EQ(disk.run(disk.tier().write(disk.worker(), old)), DiskWrite::kDropped);
  EXPECT_EQ(drops(disk, DiskDrop::kStale), 1u);
  EXPECT_TRUE(disk.has(newer));
  EXPECT_EQ(disk.tier().usage().pages, 1u);
}

TEST(DiskTierFaults, AWriteThatMissesItsDeadlineGivesItsTurnBack) {
  DiskTierConfig config = DiskHarness::quick();
  config.writes.at_once = 1;
  config.write_deadline = 20ms;
  DiskHarness disk(64 * kMiB, config);
  disk.device().hang();
  Offered offered(disk);
  offered.offer(make_page("first", 0, 10'000));
  offered.offer(make_page("second", 0, 10'000));
  disk.run_until([&] { return drops(disk, DiskDrop::kWriteError) == 2; });
  EXPECT_EQ(disk.tier().usage().queued_bytes, 0u);
  disk.device().release();
  disk.settle();
}

TEST(DiskTierFaults, FlushSaysWhenItCannotKeepTheDeadline) {
  DiskHarness disk(64 * kMiB);
  disk.device().hang();
  Offered offered(disk);
  offered.offer(make_page("object", 0, 10'000));
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
