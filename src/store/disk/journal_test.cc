#include "store/disk/journal.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "store/disk/record_queue.h"

namespace cachey::store {
namespace {

TEST(RecordQueue, GivesBackWhatWasPutInInOrderAndFreesItsMemory) {
  RecordQueue queue;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5'000; ++i) queue.push(std::string(static_cast<size_t>(i % 200), 'a'));
    EXPECT_GE(queue.memory_bytes(), 500'000u);
    EXPECT_LE(queue.memory_bytes(), 640'000u);
    for (int i = 0; i < 5'000; ++i) {
      ASSERT_EQ(queue.front().size(), static_cast<size_t>(i % 200));
      queue.pop();
    }
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.memory_bytes(), 0u);
  }
}

constexpr StoreLife kLife{1, 2};
constexpr uint32_t kSegmentUnits = 64;

/// A journal and the entries that it tells of.
class JournalTest : public ::testing::Test {
 protected:
  DiskEntry& put(uint64_t id) {
    const DiskExtent extent{1'000, 1};
    DiskEntry::Owned made = DiskEntry::make(4096, {&extent, 1});
    made->object = &objects_.try_emplace(id, ObjectId{id, id}, nullptr).first->second;
    made->generation = ++generation_;
    PageRecord record;
    record.object = made->object->id;
    record.generation = made->generation;
    record.bytes = 4096;
    record.key = "a key of forty bytes, as keys go, or so";
    made->sums()[0] = id;
    DiskEntry& entry = *made;
    entries_[id] = std::move(made);
    journal_.put(entry, encode_page_record(record, entry.extents(), entry.sums()));
    return entry;
  }
  void remove(uint64_t id) {
    journal_.removed(*entries_.at(id));
    entries_.erase(id);
  }
  [[nodiscard]] Journal::Find finder() {
    return {.page =
                [this](const ObjectId& object, PageAt) {
                  const auto found = entries_.find(object.low);
                  return found == entries_.end() ? nullptr : found->second.get();
                },
            .attributes = [](uint64_t) { return nullptr; }};
  }
  void write_all() {
    while (journal_.has_pending()) {
      if (journal_.needs_segment()) journal_.begin_segment(next_unit_ += kSegmentUnits);
      journal_.on_disk(*journal_.next_batch(finder()));
    }
  }

  Journal journal_{kLife, kSegmentUnits, 256 * kKiB};
  std::map<uint64_t, DiskObject> objects_;
  std::map<uint64_t, DiskEntry::Owned> entries_;
  uint64_t generation_ = 0;
  uint32_t next_unit_ = 1'000;
};

TEST_F(JournalTest, TakesNoPagePastItsBoundButEachRemoval) {
  uint64_t pages = 0;
  while (journal_.accepts_pages()) put(pages++);
  EXPECT_GT(pages, 1'000u);
  EXPECT_EQ(journal_.memory_bytes(), 256 * kKiB);
  for (uint64_t id = 0; id < pages; ++id) remove(id);
  EXPECT_EQ(journal_.memory_bytes(), 256 * kKiB) << "a page without a record needs no removal";
  write_all();
  EXPECT_TRUE(journal_.accepts_pages());
  EXPECT_EQ(journal_.memory_bytes(), 0u);
  EXPECT_EQ(journal_.flushed(), journal_.appended());
}

TEST_F(JournalTest, RemovalsThatWaitAreAsManyAsPagesOnDiskAtMost) {
  for (uint64_t id = 0; id < 1'000; ++id) put(id);
  write_all();
  for (uint64_t id = 0; id < 1'000; ++id) {
    remove(id);
    put(id);  // has no record on disk while nothing is written
    remove(id);
  }
  EXPECT_LE(journal_.appended() - journal_.flushed(), 2'000u);
}

TEST_F(JournalTest, ABatchLooksAtABoundedNumberOfPages) {
  for (uint64_t id = 0; id < 20'000; ++id) put(id);
  for (uint64_t id = 0; id < 20'000; ++id) remove(id);
  journal_.begin_segment(next_unit_);
  size_t looks = 0;
  const auto batch = journal_.next_batch({.page =
                                              [&looks](const ObjectId&, PageAt) {
                                                ++looks;
                                                return nullptr;
                                              },
                                          .attributes = [](uint64_t) { return nullptr; }});
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->blocks.bytes().empty()) << "no record is needed";
  EXPECT_EQ(looks, Journal::kBatchPages);
  journal_.on_disk(*batch);
  EXPECT_EQ(journal_.appended() - journal_.flushed(), 20'000 - Journal::kBatchPages);
  write_all();
  EXPECT_EQ(journal_.flushed(), journal_.appended());
}

TEST_F(JournalTest, ABatchThatIsMovedHoldsTheSameRecordsForItsNewPlace) {
  for (uint64_t id = 0; id < 300; ++id) put(id);
  journal_.begin_segment(1'000);
  journal_.on_disk(*journal_.next_batch(finder()));
  for (uint64_t id = 300; id < 400; ++id) put(id);
  const auto failed = journal_.next_batch(finder());
  ASSERT_TRUE(failed);
  remove(350);
  journal_.abandon_segment(*failed);
  EXPECT_EQ(journal_.segments().back().blocks, failed->first_block);
  EXPECT_TRUE(journal_.wants_cleaning()) << "the abandoned segment leaves the log";
  journal_.begin_segment(2'000);
  const Journal::Batch moved = journal_.moved(*failed, finder());
  EXPECT_EQ(moved.first_block, kSegmentUnits) << "numbers of the abandoned segment are not reused";
  EXPECT_EQ(moved.offset, 2'000 * kUnitBytes);
  std::vector<uint64_t> found;
  for (size_t at = 0; at < moved.blocks.bytes().size(); at += kJournalBlockBytes) {
    const uint64_t number = moved.first_block + at / kJournalBlockBytes;
    const auto records =
        open_journal_block(moved.blocks.bytes().subspan(at, kJournalBlockBytes), kLife, number);
    ASSERT_TRUE(records);
    RecordReader reader(*records);
    while (const auto record = reader.next()) {
      const ObjectId object = std::get<PageRecord>(*record).object;
      found.push_back(object.low);
      if (object.low != 350) EXPECT_EQ(entries_.at(object.low)->journal_block, number);
    }
  }
  ASSERT_EQ(found.size(), 100u);
  EXPECT_EQ(found.front(), 300u);
  write_all();
  EXPECT_EQ(journal_.flushed() + 100, journal_.appended()) << "the moved batch is under way";
  journal_.on_disk(moved);
}

TEST_F(JournalTest, ALifeWritesToSegmentsOfItsOwnBehindAllOthers) {
  journal_.restore_segments({{1'000, 5, 64, 77}, {2'000, 64, 128, 77}}, 65);
  EXPECT_TRUE(journal_.wants_cleaning()) << "asked for";
  journal_.drop_oldest();
  EXPECT_FALSE(journal_.wants_cleaning());
  put(1);
  EXPECT_TRUE(journal_.needs_segment());
  EXPECT_EQ(journal_.next_segment(3'000), (JournalSegment{3'000, 64, 192, kLife.life}));
}

}  // namespace
}  // namespace cachey::store
