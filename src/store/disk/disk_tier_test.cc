#include "store/disk/disk_tier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

TEST(DiskTier, FindsWhatWasWritten) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("object", 3, 1'000'000);
  EXPECT_FALSE(disk.has(page));
  EXPECT_EQ(disk.write(page), DiskWrite::kStored);
  EXPECT_TRUE(disk.has(page));
  EXPECT_EQ(disk.read(page), DiskRead::kOk);
  EXPECT_EQ(disk.wrong_reads(), 0u);
  EXPECT_FALSE(disk.has(make_page("object", 2, 1'000'000)));
  EXPECT_FALSE(disk.has(make_page("other", 3, 1'000'000)));
}

TEST(DiskTier, KeepsPagesOfEverySizeOverARestart) {
  DiskHarness disk(96 * kMiB);
  std::vector<DiskPage> pages;
  for (const uint64_t bytes : {uint64_t{1}, 4095ul, 4096ul, 4097ul, 65535ul, 65536ul, 65537ul,
                               1'234'567ul, kPageBytes - 1, kPageBytes}) {
    pages.push_back(make_page("object-" + std::to_string(bytes), 0, bytes));
    EXPECT_EQ(disk.write(pages.back()), DiskWrite::kStored);
  }
  EXPECT_TRUE(disk.flush());
  disk.reopen();
  EXPECT_EQ(disk.tier().stats().recovered_pages, pages.size());
  for (const DiskPage& page : pages) {
    EXPECT_TRUE(disk.has(page)) << page.bytes;  // with time and bucket
    EXPECT_EQ(disk.read(page), DiskRead::kOk) << page.bytes;
  }
  EXPECT_EQ(disk.wrong_reads(), 0u);
}

TEST(DiskTier, ASmallHitReadsOneBlock) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("object", 0, kPageBytes - 5000);
  ASSERT_EQ(disk.write(page), DiskWrite::kStored);
  const uint64_t before = disk.device().bytes_read();
  EXPECT_EQ(disk.read(page, ByteRange{5 * kDiskBlockBytes, 6 * kDiskBlockBytes}), DiskRead::kOk);
  EXPECT_EQ(disk.device().bytes_read() - before, kDiskBlockBytes);
  const ByteRange last{255 * kDiskBlockBytes, page.bytes};
  EXPECT_EQ(disk.read(page, last), DiskRead::kOk);
  EXPECT_LE(disk.device().bytes_read() - before, 2 * kDiskBlockBytes);
  EXPECT_EQ(disk.wrong_reads(), 0u);
}

TEST(DiskTier, WritesAPageOnce) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("object", 0, 300'000);
  EXPECT_EQ(disk.write(page), DiskWrite::kStored);
  EXPECT_EQ(disk.write(page), DiskWrite::kAlreadyThere);
  ASSERT_TRUE(disk.flush());
  disk.reopen();
  const uint64_t before = disk.device().bytes_written();
  EXPECT_EQ(disk.read(page), DiskRead::kOk);
  EXPECT_EQ(disk.write(page), DiskWrite::kAlreadyThere);
  disk.settle();
  EXPECT_EQ(disk.device().bytes_written(), before);
}

TEST(DiskTier, ANewVersionPutsTheOldOneOut) {
  DiskHarness disk(64 * kMiB);
  for (const uint32_t index : {0u, 1u, 2u}) disk.write(make_page("object", index, 10'000, 1));
  EXPECT_EQ(disk.write(make_page("object", 1, 10'000, 2)), DiskWrite::kStored);
  EXPECT_FALSE(disk.has(make_page("object", 0, 10'000, 1)));
  disk.settle();
  EXPECT_EQ(disk.tier().usage().pages, 1u);
  disk.tier().observe(disk.worker(), "kind", "object",
                      {make_page("object", 0, 1, 3).info, "bucket"});
  EXPECT_EQ(disk.tier().usage().pages, 0u);
  ASSERT_TRUE(disk.flush());
  disk.reopen();
  EXPECT_EQ(disk.tier().usage().pages, 0u) << "nor does a restart bring them back";
}

TEST(DiskTier, ARemovedObjectIsGone) {
  DiskHarness disk(64 * kMiB);
  disk.write(make_page("a", 0, 10'000));
  disk.write(make_page("a", 1, 10'000));
  disk.write(make_page("b", 0, 10'000));
  disk.tier().remove(disk.worker(), "kind", "a");
  ASSERT_TRUE(disk.flush());
  disk.reopen();
  EXPECT_FALSE(disk.has(make_page("a", 0, 10'000)));
  EXPECT_TRUE(disk.has(make_page("b", 0, 10'000)));
}

TEST(DiskTier, KeepsWithinItsCapacityAndDropsNothingWhenFull) {
  DiskHarness disk(64 * kMiB);
  std::vector<DiskPage> pages;
  for (int i = 0; i < 200; ++i) pages.push_back(make_page(std::to_string(i), 0, kMiB));
  for (const DiskPage& page : pages) EXPECT_EQ(disk.write(page), DiskWrite::kStored);
  const DiskUsage usage = disk.tier().usage();
  EXPECT_LE(usage.used_bytes, usage.capacity);
  EXPECT_GE(usage.payload_bytes * 100, usage.capacity * 90);
  EXPECT_EQ(usage.evictions + usage.pages, pages.size());
  size_t hits = 0;
  for (const DiskPage& page : pages) hits += disk.read(page) == DiskRead::kOk ? 1 : 0;
  EXPECT_EQ(hits, usage.pages);
  EXPECT_EQ(disk.wrong_reads(), 0u);
}

TEST(DiskTier, AScanDoesNotPutOutWhatIsUsed) {
  DiskHarness disk(64 * kMiB);
  std::vector<DiskPage> hot;
  for (int i = 0; i < 30; ++i) hot.push_back(make_page("hot" + std::to_string(i), 0, kMiB));
  for (const DiskPage& page : hot) disk.write(page);
  for (const DiskPage& page : hot) EXPECT_TRUE(disk.has(page) && disk.has(page));
  for (int i = 0; i < 300; ++i) {
    disk.write(make_page("scan" + std::to_string(i), 0, kMiB));
    const DiskPage& used = hot[static_cast<size_t>(i) % hot.size()];
    // Half of the uses are reads here, half are hits in memory, reported by touch().
    if (i % 2 == 0) (void)disk.has(used);
    disk.tier().touch(used.kind, used.object, used.at);
  }
  size_t kept = 0;
  for (const DiskPage& page : hot) kept += disk.has(page) ? 1 : 0;
  EXPECT_GE(kept, 28u);
}

TEST(DiskTier, WhatIsReadIsNotOverwritten) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("read", 0, kMiB);
  ASSERT_EQ(disk.write(page), DiskWrite::kStored);
  const std::optional<DiskPageRef> held = disk.tier().find(disk.worker(), "kind", "read", PageAt());
  ASSERT_TRUE(held);
  disk.tier().remove(disk.worker(), "kind", "read");
  for (int i = 0; i < 200; ++i) disk.write(make_page(std::to_string(i), 0, kMiB));
  auto into = std::make_shared<AlignedBuffer>(page.bytes);
  EXPECT_EQ(disk.run(disk.tier().read(disk.worker(), *held, ByteRange{0, page.bytes},
                                      {into->part()}, into)),
            DiskRead::kOk);
}

TEST(DiskTier, WritesLittleMoreThanThePages) {
  DiskHarness disk(128 * kMiB);
  uint64_t payload = 0;
  std::mt19937 random(1);
  for (int i = 0; i < 400; ++i) {
    const uint64_t bytes = 4096ul << random() % 11;  // 4 KiB to 4 MiB
    payload += bytes;
    disk.write(make_page(std::to_string(i), 0, bytes));
  }
  ASSERT_TRUE(disk.flush());
  EXPECT_LE(disk.device().bytes_written() * 100, payload * 105);
}

TEST(DiskTier, TheJournalStaysShortHoweverOftenPagesComeAndGo) {
  DiskHarness disk(64 * kMiB);
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 100; ++i) {
      disk.write(make_page("p" + std::to_string(i), 0, 4096, round));
    }
    // Pages that stay: they must survive the cleaning of segments.
    if (round == 0) disk.write(make_page("stays", 0, 70'000));
    ASSERT_TRUE(disk.flush());
  }
  for (int i = 0; i < 8'000; ++i) disk.write(make_page("q" + std::to_string(i), 0, 4096));
  ASSERT_TRUE(disk.flush());
  for (int i = 0; i < 8'000; ++i) {
    disk.tier().remove(disk.worker(), "kind", "q" + std::to_string(i));
  }
  ASSERT_TRUE(disk.flush());
  disk.settle();
  const DiskUsage usage = disk.tier().usage();
  EXPECT_EQ(usage.pages, 101u);
  EXPECT_LE(usage.used_bytes - usage.payload_bytes, kMiB + kDataOffset + 100'000);
  disk.reopen();
  EXPECT_EQ(disk.tier().usage().pages, 101u);
  EXPECT_EQ(disk.read(make_page("stays", 0, 70'000)), DiskRead::kOk);
  EXPECT_EQ(disk.read(make_page("p7", 0, 4096, 39)), DiskRead::kOk);
}

TEST(DiskTier, TheJournalStaysShortAlsoWhereThereIsAlwaysMoreToWrite) {
  DiskHarness disk(64 * kMiB);
  constexpr int kTasks = 20;
  int ended = 0;
  auto rewrite = [&](int task) -> rt::Task<void> {
    // Not in step, so that the journal always finds a record.
    for (int i = 0; i < task; ++i) co_await rt::asio::post(disk.worker().executor(), rt::kAwait);
    for (int i = 0; i < 1'200; ++i) {
      const DiskPage page = make_page("p" + std::to_string(i % 5 * kTasks + task), 0, 4096, i);
      (void)co_await write_page(disk.tier(), disk.worker(), page);
    }
    ++ended;
  };
  uint64_t longest = 0;
  for (int task = 0; task < kTasks; ++task) disk.worker().tasks().spawn(rewrite(task));
  disk.run_until([&] {
    const DiskUsage usage = disk.tier().usage();
    longest = std::max(longest, usage.used_bytes - usage.payload_bytes);
    return ended == kTasks;
  });
  EXPECT_LE(longest, 2 * kMiB + kDataOffset);
  ASSERT_TRUE(disk.flush());
  disk.reopen();
  EXPECT_EQ(disk.tier().usage().pages, 100u);
}

TEST(DiskTier, TellsHowMuchMemoryTheIndexTakesAndKeepsItInBounds) {
  int64_t charged = 0;
  {
    DiskTierConfig config = DiskHarness::quick();
    config.index_bytes_max = 200'000;
    config.charge = [&charged](int64_t bytes) { charged += bytes; };
    DiskHarness disk(64 * kMiB, config);
    for (int i = 0; i < 2'000; ++i) disk.write(make_page(std::to_string(i), 0, 4096));
    EXPECT_GT(charged, 202'000) << "the journal's records that wait are charged, too";
    ASSERT_TRUE(disk.flush());
    disk.settle();
    EXPECT_EQ(charged, static_cast<int64_t>(disk.tier().usage().memory_bytes));
    EXPECT_LE(charged, 202'000);
    EXPECT_GT(disk.tier().usage().pages, 300u);
  }
  EXPECT_EQ(charged, 0);
}

TEST(DiskTier, AnIndexThatIsLargerThanItMayBeIsCutWhenItIsRead) {
  DiskHarness disk(64 * kMiB);
  for (int i = 0; i < 2'000; ++i) disk.write(make_page(std::to_string(i), 0, 4096));
  ASSERT_TRUE(disk.flush());
  disk.close();
  const SystemClock clock;
  FixedRandom random(0.5);
  {
    DiskTierConfig config = DiskHarness::quick();
    config.index_bytes_max = 200'000;
    auto tier = DiskTier::open(disk.device(), config, DiskTier::Start::kKeep, clock, random);
    ASSERT_TRUE(tier);
    (*tier)->recover();
    EXPECT_LE((*tier)->usage().memory_bytes, 200'000u + RecordQueue::kChunkBytes)
        << "removals wait in the journal";
    EXPECT_GT((*tier)->usage().pages, 300u);
    EXPECT_EQ((*tier)->stats().recovered_pages, (*tier)->usage().pages);
  }
  disk.open();
}

TEST(DiskTier, RefusesWhatItCannotRead) {
  FaultyDevice device(8 * kMiB);
  const SystemClock clock;
  FixedRandom random(0.5);
  auto open = [&](DiskTier::Start start) {
    return DiskTier::open(device, {}, start, clock, random);
  };
  device.bytes()[1] = std::byte{0xeb};
  const auto foreign = open(DiskTier::Start::kKeep);
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message().find("no cache of ours"), std::string::npos);
  EXPECT_TRUE(open(DiskTier::Start::kWipe));
  EXPECT_TRUE(open(DiskTier::Start::kKeep));
  for (const uint64_t copy : {uint64_t{0}, kSuperblockCopyOffset}) {
    device.bytes()[copy + 8] = std::byte{kDiskFormatVersion + 1};
  }
  const auto newer = open(DiskTier::Start::kKeep);
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message().find("format is version 5"), std::string::npos);
}

TEST(DiskTier, OneDamagedCopyOfTheSuperblockDoesNotMatter) {
  DiskHarness disk(64 * kMiB);
  const DiskPage page = make_page("object", 0, 10'000);
  disk.write(page);
  ASSERT_TRUE(disk.flush());
  for (const uint64_t offset : {uint64_t{0}, kSuperblockCopyOffset}) {
    disk.close();
    disk.device().flip_bit((offset + 30) * 8);
    disk.open();
    EXPECT_TRUE(disk.has(page));
    disk.close();
    disk.device().flip_bit((offset + 30) * 8);
    disk.open();
  }
}

TEST(DiskTier, UntilItsIndexIsReadNothingIsFoundOrWrittenAndVersionsAreHeeded) {
  DiskHarness disk(64 * kMiB);
  disk.write(make_page("a", 0, 10'000));
  disk.write(make_page("b", 0, 10'000));
  ASSERT_TRUE(disk.flush());
  disk.close();
  const SystemClock clock;
  FixedRandom random(0.5);
  auto tier =
      DiskTier::open(disk.device(), DiskHarness::quick(), DiskTier::Start::kKeep, clock, random);
  ASSERT_TRUE(tier);
  EXPECT_FALSE((*tier)->find(disk.worker(), "kind", "a", PageAt()));
  const DiskPage changed = make_page("a", 0, 10'000, 2);
  (*tier)->observe(disk.worker(), "kind", "a", {changed.info, "bucket"});
  EXPECT_EQ(disk.run(write_page(**tier, disk.worker(), changed)), DiskWrite::kDropped);
  EXPECT_EQ((*tier)->stats().drops[static_cast<size_t>(DiskDrop::kOpening)], 1u);
  (*tier)->recover();
  EXPECT_FALSE((*tier)->find(disk.worker(), "kind", "a", PageAt())) << "an old version";
  EXPECT_TRUE((*tier)->find(disk.worker(), "kind", "b", PageAt()));
  disk.settle();
  disk.open();
}

TEST(DiskTier, MoreVersionsThanItNotesWhileItsIndexIsReadAreHeededAllTheSame) {
  DiskHarness disk(64 * kMiB);
  for (const char* object : {"a", "b", "c"}) disk.write(make_page(object, 0, 10'000));
  ASSERT_TRUE(disk.flush());
  disk.close();
  const SystemClock clock;
  FixedRandom random(0.5);
  auto tier =
      DiskTier::open(disk.device(), DiskHarness::quick(), DiskTier::Start::kKeep, clock, random);
  ASSERT_TRUE(tier);
  const ObjectInfo changed = make_page("", 0, 1, 2).info;
  (*tier)->observe(disk.worker(), "kind", "a", {changed, "bucket"});
  (*tier)->observe(disk.worker(), "kind", "a",
                   {make_page("", 0, 1).info, "bucket"});  // the last version wins
  for (int i = 0; i < 100'000; ++i) {
    (*tier)->observe(disk.worker(), "kind", std::to_string(i), {changed, "bucket"});
  }
  (*tier)->observe(disk.worker(), "kind", "b", {changed, "bucket"});
  (*tier)->recover();
  EXPECT_TRUE((*tier)->find(disk.worker(), "kind", "a", PageAt()));
  EXPECT_FALSE((*tier)->find(disk.worker(), "kind", "b", PageAt()));
  EXPECT_TRUE((*tier)->find(disk.worker(), "kind", "c", PageAt()));
  disk.settle();
  disk.open();
}

}  // namespace
}  // namespace cachey::store
