// Attributes of objects on disk: what is found, what is written, what is back after a restart.

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "base/attributes_pool.h"
#include "store/disk/inspect.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

class DiskAttributes : public ::testing::Test {
 protected:
  explicit DiskAttributes(DiskTierConfig config = {}) : disk_(64 * kMiB, configured(config)) {}

  [[nodiscard]] DiskTierConfig configured(DiskTierConfig config) {
    const DiskTierConfig quick = DiskHarness::quick();
    config.journal_delay = quick.journal_delay;
    config.journal_retry = quick.journal_retry;
    config.intern = [this](ObjectAttributes text) { return pool_.intern(std::move(text)); };
    return config;
  }
  [[nodiscard]] ObjectAttributesPtr meta(const std::string& value) {
    return pool_.intern({"x-amz-meta-it: " + value + "\r\n", ""});
  }
  [[nodiscard]] static DiskPage page(const std::string& object, ObjectAttributesPtr attributes,
                                     uint32_t number = 0) {
    DiskPage made = make_page(object, number, 5'000);
    made.info.attributes = std::move(attributes);
    return made;
  }
  void observe(const DiskPage& seen) {
    disk_.tier().observe(disk_.worker(), "kind", seen.object, {seen.info, seen.bucket});
  }
  [[nodiscard]] ObjectAttributesPtr found(const std::string& object, uint32_t number = 0) {
    const auto ref =
        disk_.tier().find(disk_.worker(), "kind", object, PageAt::page(number), DiskUse::kNone);
    return ref ? ref->info().attributes : nullptr;
  }
  void restart() {
    ASSERT_TRUE(disk_.flush());
    disk_.reopen();
  }

  /// What is not on the device yet does not get there.
  void restart_without_a_flush() {
    disk_.device().fail_writes(EIO, 1'000'000);
    disk_.close();
    disk_.device().fail_writes(0, 0);
    disk_.open();
  }

  AttributesPool pool_;
  DiskHarness disk_;
};

TEST_F(DiskAttributes, OfEachKindAreBackAfterARestart) {
  const std::string longest(ObjectAttributes::kBytesMax - 19, 'x');
  const std::vector<ObjectAttributesPtr> all{
      meta("short"),
      pool_.intern({"Content-Type: a/b\r\n", "x-amz-checksum-crc32: AAAAAA==\r\n"}),
      pool_.intern({"", "x-amz-checksum-crc32: AAAAAA==\r\n"}),
      pool_.intern({"", ""}),
      pool_.intern({"x-amz-meta-long: " + longest + "\r\n", ""}),
      pool_.intern({"x-amz-meta-\xc3\xbc: \xff\tx\r\n", ""}),
      pool_.intern(ObjectAttributes::make_too_large()),
      nullptr};
  ASSERT_EQ(all[4]->bytes(), ObjectAttributes::kBytesMax);
  for (size_t i = 0; i < all.size(); ++i) disk_.write(page(std::to_string(i), all[i]));
  for (int turn = 0; turn < 3; ++turn) {
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(found(std::to_string(i)), all[i]) << i;
      EXPECT_EQ(disk_.tier().version_of("kind", std::to_string(i))->info.attributes, all[i]) << i;
    }
    restart();
  }
}

TEST_F(DiskAttributes, AreOneTextForAllObjectsThatShareThem) {
  for (int i = 0; i < 200; ++i) disk_.write(page(std::to_string(i), meta(std::string(2'000, 'x'))));
  restart();
  const Result<DiskContents> contents = inspect_disk(disk_.device());
  ASSERT_TRUE(contents);
  EXPECT_EQ(contents->texts, 1u);
  EXPECT_EQ(contents->text_bytes, 2'017u);
  EXPECT_EQ(contents->objects_with_attributes, 200u);
  EXPECT_EQ(found("7"), found("8"));
}

TEST_F(DiskAttributes, AreThoseOfTheNewestAnswerWhileThePagesStay) {
  disk_.write(page("a", meta("old")));
  disk_.write(page("a", meta("old"), 1));
  ASSERT_TRUE(disk_.flush());
  const uint64_t written = disk_.tier().stats().written_bytes;
  DiskPage newer = page("a", meta("new"));
  newer.info.last_modified += 100;
  observe(newer);
  for (int turn = 0; turn < 2; ++turn) {
    for (const uint32_t number : {0u, 1u}) EXPECT_EQ(found("a", number), meta("new"));
    EXPECT_EQ(disk_.tier().version_of("kind", "a")->info.last_modified, newer.info.last_modified);
    EXPECT_EQ(disk_.read(page("a", nullptr)), DiskRead::kOk);
    if (turn == 0) restart();
  }
  EXPECT_EQ(disk_.tier().stats().written_bytes, 0u);
  EXPECT_EQ(written, 2 * 2 * kUnitBytes);
}

TEST_F(DiskAttributes, OfAPageThatComesLaterDoNotReplaceThoseOfANewerAnswer) {
  disk_.write(page("a", meta("old")));
  observe(page("a", meta("new")));
  disk_.write(page("a", meta("old"), 1));
  observe(page("a", nullptr));
  EXPECT_EQ(found("a"), meta("new"));
  restart();
  EXPECT_EQ(found("a", 1), meta("new"));
}

TEST_F(DiskAttributes, OfAVersionGoWithTheVersion) {
  disk_.write(page("a", meta("of version 1")));
  DiskPage second = make_page("a", 0, 5'000, 2);
  observe(second);
  disk_.write(second);
  EXPECT_EQ(found("a"), nullptr);
  restart();
  EXPECT_EQ(found("a"), nullptr);
  EXPECT_EQ(inspect_disk(disk_.device())->texts, 0u);
}

TEST_F(DiskAttributes, ThatAreKnownOnlyLaterAreTaken) {
  disk_.write(page("a", nullptr));
  disk_.write(page("a", meta("now"), 1));
  EXPECT_EQ(found("a"), meta("now"));
  restart();
  EXPECT_EQ(found("a"), meta("now"));
}

TEST_F(DiskAttributes, ThatDifferInEachAnswerCostARecordEveryFewSeconds) {
  disk_.write(page("a", meta("0")));
  ASSERT_TRUE(disk_.flush());
  const uint64_t before = disk_.tier().stats().journal_bytes;
  for (int i = 1; i <= 2'000; ++i) {  // in 20 s
    observe(page("a", meta(std::to_string(i) + std::string(4'000, 'x'))));
    disk_.pass(10ms);
  }
  EXPECT_LE(disk_.tier().stats().journal_bytes - before, 6 * 3 * kJournalBlockBytes);
  EXPECT_EQ(found("a"), meta("2000" + std::string(4'000, 'x')));
  restart();
  EXPECT_EQ(found("a"), meta("2000" + std::string(4'000, 'x')));
}

/// No flush: the task that waits writes the last answer.
TEST_F(DiskAttributes, OfTheLastAnswerBecomeDurableWithoutAFlush) {
  disk_.write(page("a", meta("0")));
  for (const char* value : {"1", "2", "3"}) observe(page("a", meta(value)));
  disk_.pass(6s);
  restart_without_a_flush();
  EXPECT_EQ(found("a"), meta("3"));
}

TEST_F(DiskAttributes, OfMoreObjectsThanMayWaitAreRecordedAtOnce) {
  constexpr size_t kObjects = Catalog::kNewerAnswersMax + 100;
  for (size_t i = 0; i < kObjects; ++i) disk_.write(page(std::to_string(i), meta("old")));
  ASSERT_TRUE(disk_.flush());
  observe(page("0", meta("first")));  // from now on answers wait
  disk_.pass(1ms);
  for (size_t i = 0; i < kObjects; ++i) observe(page(std::to_string(i), meta("new")));
  disk_.pass(100ms);
  restart_without_a_flush();
  size_t newer = 0;
  for (size_t i = 0; i < kObjects; ++i) newer += found(std::to_string(i)) == meta("new") ? 1 : 0;
  EXPECT_EQ(newer, 100u);
}

/// While nothing can be written, the memory of answers that wait has a bound.
class DiskAttributesOfAHungJournal : public DiskAttributes {
 protected:
  static constexpr size_t kPending = 2 * RecordQueue::kChunkBytes;
  DiskAttributesOfAHungJournal() : DiskAttributes(bounded()) {}

  [[nodiscard]] static DiskTierConfig bounded() {
    DiskTierConfig config;
    config.journal_deadline = 1h;
    config.journal_pending_bytes = kPending;
    return config;
  }
};

TEST_F(DiskAttributesOfAHungJournal, AreForgottenPastTheBound) {
  constexpr size_t kObjects = Catalog::kNewerAnswersMax + 500;
  for (size_t i = 0; i < kObjects; ++i) {
    ASSERT_EQ(disk_.write(page(std::to_string(i), meta("old"))), DiskWrite::kStored);
    if (i % 100 == 0) ASSERT_TRUE(disk_.flush());
  }
  ASSERT_TRUE(disk_.flush());
  disk_.device().hang_parts({{.range = {0, disk_.device().size()}, .reads = false}});
  for (size_t i = 0; i < kObjects; ++i) {
    observe(page(std::to_string(i), meta(std::to_string(i) + std::string(1'000, 'x'))));
    disk_.pass(1ms);
    EXPECT_LE(disk_.tier().usage().pending_bytes, kPending + RecordQueue::kChunkBytes);
  }
  EXPECT_TRUE(disk_.tier().usage().online);
  size_t old = 0;
  for (size_t i = 0; i < kObjects; ++i) old += found(std::to_string(i)) == meta("old") ? 1 : 0;
  EXPECT_GT(old, 100u) << "a later answer tells again";
  disk_.device().release();
}

/// The journal is cleaned many times.
TEST_F(DiskAttributes, AreThereHoweverOftenTheJournalIsCleaned) {
  disk_.write(page("kept", meta("kept")));
  disk_.write(page("changed", meta("old")));
  disk_.write(page("unknown", nullptr));
  observe(page("changed", meta("new" + std::string(5'000, 'x'))));
  for (int i = 0; i < 6'000; ++i) {
    disk_.write(page("churn", meta("churn" + std::to_string(i % 7)), static_cast<uint32_t>(i % 5)));
    if (i % 100 != 0) continue;
    disk_.tier().remove(disk_.worker(), "kind", "churn");
    disk_.settle();
  }
  const Result<DiskContents> contents = inspect_disk(disk_.device());
  EXPECT_LT(contents->journal_bytes, 3'000'000u) << "cleaned";
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(found("kept"), meta("kept"));
    EXPECT_EQ(found("changed"), meta("new" + std::string(5'000, 'x')));
    EXPECT_EQ(found("unknown"), nullptr);
    restart();
  }
}

TEST_F(DiskAttributes, CountAsMemoryOfTheIndexOnceAText) {
  const auto memory = [this] { return disk_.tier().usage().memory_bytes; };
  disk_.write(page("a", meta(std::string(8'000, 'x'))));
  const uint64_t one = memory();
  disk_.write(page("b", meta(std::string(8'000, 'x'))));
  EXPECT_LT(memory() - one, 1'000u);
  disk_.write(page("c", meta(std::string(8'000, 'y'))));
  EXPECT_GT(memory() - one, 8'000u);
  const uint64_t all = memory();
  disk_.tier().remove(disk_.worker(), "kind", "c");
  disk_.settle();
  EXPECT_LT(memory(), all - 8'000);
  restart();
  EXPECT_LT(memory(), all - 8'000);
}

// The table, while a store is opened.

AttributesRecord definition(uint64_t id, const std::string& text, uint8_t fragment = 0) {
  AttributesRecord record;
  record.id = id;
  record.total = record.lines = static_cast<uint16_t>(text.size());
  record.fragment = fragment;
  record.text =
      std::string_view(text).substr(fragment * kAttributesFragmentBytes, kAttributesFragmentBytes);
  return record;
}

class AttributesOpening : public ::testing::Test {
 protected:
  Journal journal_{StoreLife{1, 1}, 64};
  AttributesTable table_{journal_};
};

TEST_F(AttributesOpening, FindTheirDefinitionBeforeOrBehindTheirUse) {
  table_.restore(definition(5, "a: b\r\n"), 1);
  StoredAttributes& before = table_.name(5);
  StoredAttributes& behind = table_.name(6);
  StoredAttributes& never = table_.name(7);
  table_.restore(definition(6, "c: d\r\n"), 2);
  table_.restore(definition(8, "e: f\r\n"), 2);
  table_.finish_restoring(unshared_attributes);
  EXPECT_EQ(before.text->lines(), "a: b\r\n");
  EXPECT_EQ(behind.text->lines(), "c: d\r\n");
  EXPECT_EQ(never.text, nullptr);
  EXPECT_EQ(table_.find(8), nullptr) << "no object uses it";
}

TEST_F(AttributesOpening, TakeFragmentsFromAllCopiesButNoHalfText) {
  const std::string text = "a: " + std::string(5'000, 'x') + "\r\n";
  StoredAttributes& whole = table_.name(5);
  StoredAttributes& half = table_.name(6);
  for (const uint8_t i : {uint8_t{0}, uint8_t{2}}) table_.restore(definition(5, text, i), 1);
  for (const uint8_t i : {uint8_t{1}, uint8_t{2}}) table_.restore(definition(5, text, i), 2);
  for (const uint8_t i : {uint8_t{0}, uint8_t{1}}) table_.restore(definition(6, text, i), 3);
  table_.restore(definition(6, text.substr(0, 4'500), 2), 3);
  table_.finish_restoring(unshared_attributes);
  EXPECT_EQ(whole.text->lines(), text);
  EXPECT_EQ(half.text, nullptr) << "another text's fragment";
}

TEST_F(AttributesOpening, RefuseWhatIsNoWholeLines) {
  uint64_t id = 1;
  for (const char* text : {"a: b", "a: b\r", ": b\r\n", "a b\r\n", "\r\n", "a: b\nc: d\r\n",
                           "a: b\r\n\r\n", "a: \x7f\r\n", "a: b\rc: d\r\n"}) {
    StoredAttributes& refused = table_.name(++id);
    table_.restore(definition(id, text), 1);
    table_.finish_restoring(unshared_attributes);
    EXPECT_EQ(refused.text, nullptr) << text;
  }
}

TEST_F(AttributesOpening, BoundTheMemoryOfTextsThatNobodyUses) {
  constexpr size_t kBound = 100'000;
  table_.keep_unused(kBound);
  const std::string text = "a: " + std::string(1'000, 'x') + "\r\n";
  for (uint64_t id = 1; id <= 1'000; ++id) table_.restore(definition(id, text), id);
  EXPECT_LE(table_.size(), kBound / text.size());
  EXPECT_GT(table_.size(), kBound / text.size() / 2);
  EXPECT_EQ(table_.find(1), nullptr);
  EXPECT_EQ(table_.text_bytes(), 0u);
  StoredAttributes& last = table_.name(1'000);
  table_.finish_restoring(unshared_attributes);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(last.text->lines(), text);
  EXPECT_EQ(table_.text_bytes(), text.size());
}

}  // namespace
}  // namespace cachey::store
