// Purges of the disk tier: what they remove, and that it stays removed.

#include <gtest/gtest.h>

#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include "store/disk/superblock.h"
#include "store/testing/catalog_rig.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

class DiskPurge : public ::testing::Test {
 protected:
  Result<DiskPurged> purge(KeyScope scope) {
    return disk_.run(disk_.tier().purge(disk_.worker(), std::move(scope), [] { return false; }));
  }

  void write(const std::string& object, uint64_t bytes = 10'000) {
    ASSERT_EQ(disk_.write(make_page(object, 0, bytes)), DiskWrite::kStored);
  }
  [[nodiscard]] bool has(const std::string& object) {
    return disk_.has(make_page(object, 0, 10'000));
  }
  /// The process dies and starts again.
  void crash() {
    disk_.device().die_after(0, 1);
    disk_.close();
    disk_.device().revive();
    disk_.device().lose_power(7);
    disk_.open();
  }
  void crash_at_once() {
    disk_.device().track_unsynced();
    crash();
  }

  /// Reads of the journal fail. The superblock's own segments tell its places.
  void fail_reads_of_the_journal() {
    const Result<ParsedSuperblock> read = read_superblock(disk_.device());
    std::vector<FaultyDevice::Part> parts;
    for (const JournalSegment& segment : read->superblock.segments) {
      const uint64_t begin = segment.first_unit * kUnitBytes;
      const uint64_t bytes = read->superblock.segment_units * kUnitBytes;
      parts.push_back({.range = {begin, begin + bytes}, .writes = false});
    }
    disk_.device().fail_parts(parts);
  }

  DiskHarness disk_{64 * kMiB};
};

TEST_F(DiskPurge, OfAnObjectTakesItsPagesAndParts) {
  for (const uint32_t page : {0u, 1u}) disk_.write(make_page("o", page, 10'000));
  disk_.write(make_part("o", 3 * kPageBytes + 5, 100));
  write("other");
  const Result<DiskPurged> purged = purge(KeyScope::object("kind", "o"));
  ASSERT_TRUE(purged);
  EXPECT_EQ(purged->pages, 3u);
  EXPECT_EQ(purged->bytes, 20'100u);
  EXPECT_FALSE(disk_.has(make_page("o", 0, 10'000)));
  EXPECT_TRUE(has("other"));
  EXPECT_EQ(purge(KeyScope::object("kind", "o"))->pages, 0u) << "the second one finds nothing";
}

TEST_F(DiskPurge, OfAPrefixTakesItsObjectsAlone) {
  for (const char* object : {"logs/1", "logs/2", "log", "other/logs/"}) write(object);
  const Result<DiskPurged> purged = purge(KeyScope::prefix("kind", "logs/"));
  ASSERT_TRUE(purged);
  EXPECT_EQ(purged->pages, 2u);
  EXPECT_FALSE(has("logs/1"));
  EXPECT_FALSE(has("logs/2"));
  EXPECT_TRUE(has("log"));
  EXPECT_TRUE(has("other/logs/"));
  EXPECT_EQ(purge(KeyScope::of_kind("nobody"))->pages, 0u);
  EXPECT_EQ(purge(KeyScope::of_kind("kind"))->pages, 2u);
}

TEST_F(DiskPurge, OfAllTakesAll) {
  for (int i = 0; i < 100; ++i) write(std::to_string(i));
  EXPECT_EQ(purge(KeyScope::all())->pages, 100u);
  EXPECT_EQ(disk_.tier().usage().pages, 0u);
}

TEST_F(DiskPurge, HoldsOverACrashAtOnce) {
  for (const KeyScope& scope : {KeyScope::object("kind", "o"), KeyScope::prefix("kind", "o"),
                                KeyScope::of_kind("kind"), KeyScope::all()}) {
    write("o");
    ASSERT_TRUE(disk_.flush());
    ASSERT_TRUE(purge(scope));
    crash_at_once();
    EXPECT_FALSE(has("o"));
  }
}

TEST_F(DiskPurge, FindsPagesOfEarlierLives) {
  for (int i = 0; i < 500; ++i) write(std::to_string(i), 100);
  disk_.reopen();
  for (int i = 500; i < 600; ++i) write(std::to_string(i), 100);
  EXPECT_EQ(purge(KeyScope::prefix("kind", "5"))->pages, 111u);  // 5, 50-59, 500-599
  EXPECT_EQ(disk_.tier().usage().pages, 489u);
  EXPECT_EQ(purge(KeyScope::of_kind("kind"))->pages, 489u);
}

TEST_F(DiskPurge, EndsAWriteThatRuns) {
  disk_.device().hang();
  bool written = false;
  auto writing = [this, &written]() -> rt::Task<void> {
    const DiskWrite result =
        co_await write_page(disk_.tier(), disk_.worker(), make_page("o", 0, 10'000));
    EXPECT_EQ(result, DiskWrite::kDropped);
    written = true;
  };
  disk_.worker().tasks().spawn(writing());
  disk_.pass(1ms);
  auto purging = [this]() -> rt::Task<void> {
    Result<DiskPurged> purged = co_await disk_.tier().purge(
        disk_.worker(), KeyScope::prefix("kind", "o"), [] { return false; });
    EXPECT_TRUE(purged);
  };
  disk_.worker().tasks().spawn(purging());
  disk_.pass(100ms);
  disk_.device().release();
  disk_.settle();
  EXPECT_TRUE(written);
  EXPECT_FALSE(has("o"));
}

TEST_F(DiskPurge, DoesNotHoldIfTheDiskCannotBeWritten) {
  write("o");
  ASSERT_TRUE(disk_.flush());
  disk_.device().fail_writes(EIO, 1'000'000);
  const Result<DiskPurged> purged = purge(KeyScope::object("kind", "o"));
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().kind(), ErrorKind::kInternal);
  EXPECT_FALSE(has("o"));
  disk_.device().fail_writes(0, 0);
  disk_.run_until([this] {
    (void)has("o");  // starts a probe
    return disk_.tier().usage().online;
  });
  EXPECT_FALSE(has("o")) << "nor does it come back with the disk";
  ASSERT_TRUE(purge(KeyScope::object("kind", "o"))) << "the second one makes sure";
  disk_.reopen();
  EXPECT_FALSE(has("o"));
}

TEST_F(DiskPurge, TakesPagesWithoutAKnownNameToo) {
  for (const char* object : {"a", "b"}) write(object);
  ASSERT_TRUE(disk_.flush());
  fail_reads_of_the_journal();
  ASSERT_TRUE(purge(KeyScope::prefix("kind", "a")));
  disk_.device().fail_parts({});
  EXPECT_FALSE(has("a"));
  EXPECT_FALSE(has("b")) << "it may have been an a";
}

TEST_F(DiskPurge, OfASetWithTheDiskOfflineBringsNothingBack) {
  write("a");
  ASSERT_TRUE(disk_.flush());
  disk_.device().fail_writes(EIO, 1'000'000);
  for (int i = 0; disk_.tier().usage().online; ++i) {
    ASSERT_LT(i, 1'000);
    (void)disk_.write(make_page("x" + std::to_string(i), 0, 10));
  }
  EXPECT_FALSE(purge(KeyScope::prefix("kind", "a")));
  disk_.device().fail_writes(0, 0);
  disk_.run_until([this] {
    (void)has("a");
    return disk_.tier().usage().online;
  });
  EXPECT_FALSE(has("a"));
}

TEST_F(DiskPurge, TakesWhatCleaningHasCopiedMeanwhile) {
  // Each round writes and removes pages until the log is cleaned while the purge reads it.
  for (int i = 0; i < 3'000; ++i) write("keep" + std::to_string(i), 10);
  for (int round = 0; round < 4; ++round) {
    const std::string prefix = "gone" + std::to_string(round) + "/";
    for (int i = 0; i < 1'000; ++i) write(prefix + std::to_string(i), 10);
    bool purged = false;
    auto purging = [&]() -> rt::Task<void> {
      Result<DiskPurged> done = co_await disk_.tier().purge(
          disk_.worker(), KeyScope::prefix("kind", prefix), [] { return false; });
      EXPECT_TRUE(done);
      EXPECT_EQ(done->pages, 1'000u);
      purged = true;
    };
    disk_.worker().tasks().spawn(purging());
    int written = 0;
    while (!purged) {
      const std::string name = std::to_string(round) + "new" + std::to_string(written++);
      (void)disk_.write(make_page(name, 0, 10));
      disk_.tier().remove(disk_.worker(), "kind", name);
      if (written % 16 == 0) disk_.pass(1ms);
    }
    for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(has(prefix + std::to_string(i)));
  }
  for (int i = 0; i < 3'000; ++i)
    EXPECT_TRUE(disk_.has(make_page("keep" + std::to_string(i), 0, 10)));
}

/// A segment that is cleaned before the purge has read it: its records are looked at as they are
/// copied.
TEST(CatalogPurge, LooksAtWhatCleaningCopies) {
  CatalogRig rig(64 * kMiB);
  for (const uint64_t object : {1, 2}) ASSERT_TRUE(rig.add(object, 0, 10));
  rig.write_journal();
  const auto copy = [&rig](uint64_t object, std::string_view key) {
    const DiskEntry& entry = *rig.find(object);
    PageRecord record;
    record.object = CatalogRig::id(object);
    record.at = entry.at;
    record.generation = entry.generation;
    record.bytes = entry.bytes;
    record.kind = "kind";
    record.key = key;
    const std::string encoded = encode_page_record(record, entry.extents(), entry.sums());
    RecordReader reader(std::as_bytes(std::span(encoded)));
    rig.catalog().copy(std::get<PageRecord>(*reader.next()), entry.journal_block);
  };
  rig.catalog().begin_purge(KeyScope::prefix("kind", "goes/"));
  copy(1, "goes/1");
  copy(2, "stays/2");
  ASSERT_TRUE(rig.add(3, 0, 10));
  rig.write_journal();
  copy(3, "goes/3");
  EXPECT_EQ(rig.catalog().end_purge().pages, 1u);
  EXPECT_EQ(rig.find(1), nullptr);
  EXPECT_NE(rig.find(2), nullptr);
  EXPECT_NE(rig.find(3), nullptr) << "it came after the purge had begun";
}

/// The object's entry lives as long as a reader or a write holds its space.
TEST_F(DiskPurge, NoVersionIsLeftWhileAReaderHoldsAPage) {
  for (const KeyScope& scope : {KeyScope::object("kind", "o"), KeyScope::prefix("kind", "o"),
                                KeyScope::of_kind("kind"), KeyScope::all()}) {
    write("o");
    ASSERT_NE(disk_.tier().version_of("kind", "o"), nullptr);
    const std::optional<DiskPageRef> held =
        disk_.tier().find(disk_.worker(), "kind", "o", PageAt::page(0));
    ASSERT_TRUE(held);
    ASSERT_TRUE(purge(scope));
    EXPECT_EQ(disk_.tier().version_of("kind", "o"), nullptr) << static_cast<int>(scope.what());
  }
}

TEST_F(DiskPurge, EndsWithTheProcess) {
  write("o");
  const Result<DiskPurged> purged =
      disk_.run(disk_.tier().purge(disk_.worker(), KeyScope::of_kind("kind"), [] { return true; }));
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().kind(), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace cachey::store
