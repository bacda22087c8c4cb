// The model sees a tier that breaks a rule. The bytes on the device are forged as such a tier would
// have left them.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "store/disk/superblock.h"
#include "store/testing/disk_model.h"

namespace cachey::store {
namespace {

using World = DiskModel::World;

constexpr uint32_t kSeedOfLongTags = 7;

/// The journal of a closed store, to be forged.
class Forger {
 public:
  explicit Forger(DiskHarness& disk)
      : device_(disk.device().bytes()), superblock_(read_superblock(disk.device())->superblock) {}

  /// Flips a bit of a page and adjusts its checksum, as if the tier did not verify.
  void forge_a_page() {
    const auto [block, life, number, records] = first_block();
    const auto page = first<PageRecord>(records);
    std::byte* data = device_.data() + page.extent(0).first * kUnitBytes;
    data[0] ^= std::byte{1};
    const iovec bytes{data, std::min<size_t>(page.bytes, kDiskBlockBytes)};
    const uint64_t sum = block_checksum(
        BlockIdentity{superblock_.store_id, page.object, page.at.code(), page.generation, 0},
        {&bytes, 1});
    std::memcpy(block.data() + (page.checksums - block.data()), &sum, sizeof sum);
    seal_journal_block(block, life, number, records.size());
  }

  /// Exchanges the attributes of the first two texts in the first block, as if the tier gave an id
  /// again.
  void exchange_attributes() {
    const auto [block, life, number, records] = first_block();
    std::vector<std::byte*> ids;
    RecordReader reader(records);
    while (const std::optional<JournalRecord> record = reader.next()) {
      const auto* text = std::get_if<AttributesRecord>(&*record);
      if (text == nullptr) continue;
      const std::byte* begin = reinterpret_cast<const std::byte*>(text->text.data());
      ids.push_back(block.data() + (begin - sizeof text->id - block.data()));
    }
    CHECK(ids.size() == 2);
    std::swap_ranges(ids[0], ids[0] + sizeof(uint64_t), ids[1]);
    seal_journal_block(block, life, number, records.size());
  }

  /// Makes the first text shorter, as if the tier took a part of a text for the whole.
  void cut_attributes() {
    const auto [block, life, number, records] = first_block();
    const auto text = first<AttributesRecord>(records);
    const uint16_t total = kAttributesFragmentBytes;
    const uint16_t lines = 0;
    std::byte* header = block.data() + (reinterpret_cast<const std::byte*>(text.text.data()) -
                                        kAttributesHeaderBytes - block.data());
    std::memcpy(header + 4, &lines, sizeof lines);
    std::memcpy(header + 6, &total, sizeof total);
    header[kAttributesHeaderBytes + total - 2] = std::byte{'\r'};
    header[kAttributesHeaderBytes + total - 1] = std::byte{'\n'};
    seal_journal_block(block, life, number, records.size());
  }

  /// Damages the first text, as if the tier had not copied the definition in time.
  void lose_attributes() {
    const auto [block, life, number, records] = first_block();
    const auto text = first<AttributesRecord>(records);
    std::byte* end = block.data() +
                     (reinterpret_cast<const std::byte*>(text.text.data()) - block.data()) +
                     text.text.size();
    end[-1] = std::byte{'?'};
    seal_journal_block(block, life, number, records.size());
  }

  /// Appends the first block again behind the last one, as if what an earlier life left there had
  /// verified.
  void repeat_the_first_block() {
    const auto [block, first_life, first_number, records] = first_block();
    const JournalSegment& last = superblock_.segments.back();
    const StoreLife life{superblock_.store_id, last.life};
    uint64_t i = 0;
    while (open_journal_block(at(last, i), life, last.first_block + i)) ++i;
    std::ranges::copy(block, at(last, i).begin());
    seal_journal_block(at(last, i), life, last.first_block + i, records.size());
  }

  /// Overwrites a page by another one, as if the tier had given the space of a write that hung to
  /// the page.
  void overwrite_by_a_late_write(const DiskPage& page, const DiskPage& late) {
    const auto content = page_content(page);
    const auto at = std::ranges::search(device_, content->bytes().first(64));
    CHECK(!at.empty());
    std::ranges::copy(page_content(late)->bytes().first(64), at.begin());
  }

  /// Writes no superblock since then, as if unread blocks were not cut off.
  void restore_superblocks(std::span<const std::byte> before) {
    std::ranges::copy(before, device_.begin());
  }
  [[nodiscard]] std::vector<std::byte> superblocks() const {
    const auto bytes = device_.first(kProbeOffset);
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] ByteRange place_of_last() const {
    const uint64_t begin = superblock_.segments.back().first_unit * kUnitBytes;
    return {begin, begin + superblock_.segment_units * kUnitBytes};
  }

 private:
  struct Block {
    std::span<std::byte> bytes;
    StoreLife life;
    uint64_t number;
    std::span<const std::byte> records;
  };
  template <typename Record>
  [[nodiscard]] static Record first(std::span<const std::byte> records) {
    RecordReader reader(records);
    while (const std::optional<JournalRecord> record = reader.next()) {
      if (const auto* found = std::get_if<Record>(&*record)) return *found;
    }
    throw std::logic_error("the block has no such record");
  }
  [[nodiscard]] std::span<std::byte> at(const JournalSegment& segment, uint64_t index) {
    return device_.subspan((segment.first_unit + index) * kUnitBytes, kJournalBlockBytes);
  }
  [[nodiscard]] Block first_block() {
    const JournalSegment& first = superblock_.segments.front();
    const StoreLife life{superblock_.store_id, first.life};
    const auto records = open_journal_block(at(first, 0), life, first.first_block);
    CHECK(records);
    return {at(first, 0), life, first.first_block, *records};
  }

  std::span<std::byte> device_;
  const Superblock superblock_;
};

TEST(DiskModelCanary, WouldSeeATierThatDoesNotVerify) {
  DiskModel model(1, World::kKilled);
  model.write({0, 0});
  model.flush();
  for (int i = 0; i < 10; ++i) model.read({0, 0});
  EXPECT_TRUE(model.wrongs().empty());
  model.disk().close();
  Forger(model.disk()).forge_a_page();
  model.disk().open();
  for (int i = 0; i < 100; ++i) model.read({0, 0});  // the reads include the first block
  EXPECT_FALSE(model.wrongs().empty());
}

TEST(DiskModelCanary, WouldSeeATierThatDoesNotVerifyParts) {
  DiskModel model(1, World::kKilled);
  const DiskModel::PageName part{0, DiskModel::kPages};
  model.write(part);
  model.flush();
  for (int i = 0; i < 10; ++i) model.read(part);
  EXPECT_TRUE(model.wrongs().empty());
  model.disk().close();
  Forger(model.disk()).forge_a_page();
  model.disk().open();
  for (int i = 0; i < 100; ++i) model.read(part);
  EXPECT_FALSE(model.wrongs().empty());
}

TEST(DiskModelCanary, WouldSeeBlocksOfAnEarlierLife) {
  for (const bool forged : {false, true}) {
    DiskModel model(1, World::kKilled);
    model.write({0, 0});
    model.flush();
    model.change(0);
    model.flush();
    model.disk().close();
    if (forged) Forger(model.disk()).repeat_the_first_block();
    model.disk().open();
    model.read({0, 0});
    EXPECT_EQ(model.wrongs().empty(), !forged);
  }
}

TEST(DiskModelCanary, WouldSeeUnreadBlocksThatAreNotCutOff) {
  for (const bool forged : {false, true}) {
    DiskModel model(1, World::kUnreadable);
    model.write({0, 0});
    model.flush();
    model.disk().close();
    Forger forger(model.disk());
    const std::vector<std::byte> before = forger.superblocks();
    model.disk().device().fail_parts({{.range = forger.place_of_last(), .writes = false}});
    model.disk().open();
    model.disk().device().fail_parts({});
    model.change(0);
    model.flush();
    model.disk().close();
    if (forged) forger.restore_superblocks(before);
    model.disk().open();
    model.read({0, 0});
    EXPECT_EQ(model.wrongs().empty(), !forged);
  }
}

/// Two objects, each with the attributes of that answer, whose journal is forged.
void expect_to_see(void (Forger::*forge)(), int answer) {
  for (const bool forged : {false, true}) {
    DiskModel model(1, World::kKilled);
    for (const int object : {1, 2}) {
      for (int i = 0; i < answer; ++i) model.answer(object);
      model.write({object, 0});
    }
    model.flush();
    model.disk().close();
    if (forged) (Forger(model.disk()).*forge)();
    model.disk().open();
    model.read({1, 0});
    EXPECT_EQ(model.wrongs().empty(), !forged);
  }
}

TEST(DiskModelCanary, WouldSeeAttributesOfAnotherObject) {
  expect_to_see(&Forger::exchange_attributes, 4);
}

TEST(DiskModelCanary, WouldSeeHalfOfTheAttributes) { expect_to_see(&Forger::cut_attributes, 1); }

TEST(DiskModelCanary, WouldSeeLostAttributes) { expect_to_see(&Forger::lose_attributes, 4); }

TEST(DiskModelCanary, WouldSeeALostPage) {
  DiskModel model(1, World::kPower);
  model.write({0, 0});
  model.flush();
  const auto content = page_content(model.page_of({0, 0}, 0));
  const auto at = std::ranges::search(model.disk().device().bytes(), content->bytes().first(64));
  ASSERT_FALSE(at.empty());
  at.begin()[5] ^= std::byte{4};  // as if a late write of the journal had come there
  model.restart();
  EXPECT_FALSE(model.wrongs().empty());
}

TEST(DiskModelCanary, WouldSeeSpaceThatIsGivenOutBeforeAHungWriteHasEnded) {
  for (const bool forged : {false, true}) {
    DiskModel model(1, World::kKilled);
    FaultyDevice& device = model.disk().device();
    device.hang_parts({{.range = {kDataOffset, device.size()}}});
    model.write({0, 0});
    EXPECT_GT(model.disk().tier().usage().late_bytes, 0u);
    device.hang_parts({});
    model.write({1, 0});
    model.flush();
    device.release();
    model.disk().settle();
    if (forged) {
      Forger(model.disk())
          .overwrite_by_a_late_write(model.page_of({1, 0}, 0), model.page_of({0, 0}, 0));
    }
    model.restart();
    EXPECT_EQ(model.wrongs().empty(), !forged);
  }
}

TEST(DiskModelCanary, WouldSeeAJournalThatMovesWithoutASuperblock) {
  for (const bool forged : {false, true}) {
    DiskModel model(1, World::kKilled);
    model.write({0, 0});
    model.flush();
    Forger forger(model.disk());
    const std::vector<std::byte> before = forger.superblocks();
    model.disk().device().fail_parts({{.range = forger.place_of_last(), .reads = false}});
    model.write({1, 0});
    model.flush();
    EXPECT_EQ(model.disk().tier().stats().journal_moves, 1u);
    model.disk().settle();
    if (forged) forger.restore_superblocks(before);
    model.restart();
    EXPECT_EQ(model.wrongs().empty(), !forged);
  }
}

TEST(DiskModelCanary, WouldSeeRecordsThatWaitWithoutABound) {
  for (const bool bounded : {false, true}) {
    DiskTierConfig config = DiskModel::usual_config();
    config.journal_deadline = std::chrono::hours(1);
    if (!bounded) config.journal_pending_bytes = SIZE_MAX;
    DiskModel model(kSeedOfLongTags, World::kUnreadable, config);
    model.write({0, 0});
    model.flush();
    const ByteRange place = Forger(model.disk()).place_of_last();
    model.disk().device().hang_parts({{.range = place, .reads = false}});
    for (int i = 0; i < 200; ++i) {
      model.change(i % 12);
      model.write({i % 12, 0});
    }
    EXPECT_EQ(model.wrongs().empty(), bounded);
    EXPECT_EQ(model.disk().tier().stats().drops[static_cast<size_t>(DiskDrop::kJournalFull)] > 0,
              bounded);
    model.disk().device().release();
  }
}

TEST(DiskModelCanary, WouldSeeLateOperationsWithoutABound) {
  for (const bool bounded : {false, true}) {
    DiskTierConfig config = DiskModel::usual_config();
    if (!bounded) config.late_bytes_max = UINT64_MAX;
    DiskModel model(1, World::kUnreadable, config);
    model.disk().device().hang_parts({{.range = {kDataOffset, model.disk().device().size()}}});
    for (int object = 0; object < 100; ++object) {
      if (model.page_of({object, 0}, 0).bytes > 60 * kKiB) model.write({object, 0});
    }
    EXPECT_EQ(model.wrongs().empty(), bounded);
    EXPECT_GT(model.disk().tier().usage().late_bytes, 0u);
    model.disk().device().release();
  }
}

}  // namespace
}  // namespace cachey::store
