#include "store/disk/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "store/disk/io_parts.h"

namespace cachey::store {
namespace {

Superblock sample() {
  Superblock superblock;
  superblock.sequence = 7;
  superblock.store_id = 0x1234;
  superblock.capacity = kGiB;
  superblock.created_at = 1'700'000'000;
  superblock.segment_units = 64;
  superblock.segments = {{128, 64, 0, 21}, {4096, 10, 64, 22}};
  return superblock;
}

TEST(DiskSuperblock, ComesBackAsWritten) {
  const ParsedSuperblock parsed = parse_superblock(encode_superblock(sample()));
  ASSERT_EQ(parsed.state, SuperblockState::kValid);
  EXPECT_EQ(parsed.version, kDiskFormatVersion);
  EXPECT_EQ(parsed.superblock, sample());
}

TEST(DiskSuperblock, HoldsAsManySegmentsAsItSays) {
  Superblock superblock = sample();
  superblock.segments.assign(kSegmentsMax, JournalSegment{128, 64, 1, 21});
  const std::vector<std::byte> encoded = encode_superblock(superblock);
  EXPECT_LE(encoded.size(), kSuperblockBytesMax);
  EXPECT_EQ(parse_superblock(encoded).superblock, superblock);
}

TEST(DiskSuperblock, TellsWhatElseMayStandThere) {
  std::vector<std::byte> bytes(kSuperblockBytesMax);
  EXPECT_EQ(parse_superblock(bytes).state, SuperblockState::kBlank);
  bytes[5000] = std::byte{1};
  EXPECT_EQ(parse_superblock(bytes).state, SuperblockState::kForeign);
  bytes = encode_superblock(sample());
  const uint32_t version = kDiskFormatVersion + 1;
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  EXPECT_EQ(parse_superblock(bytes).state, SuperblockState::kOtherVersion);
  EXPECT_EQ(parse_superblock(bytes).version, version);
}

TEST(DiskSuperblock, NoFlippedBitGoesUnseen) {
  const std::vector<std::byte> encoded = encode_superblock(sample());
  for (size_t bit = 12 * 8; bit < 120 * 8;
       ++bit) {  // from after the version to the last segment's end
    std::vector<std::byte> flipped = encoded;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_EQ(parse_superblock(flipped).state, SuperblockState::kDamaged) << bit;
  }
  for (size_t size = 0; size < 120; ++size) {
    EXPECT_NE(parse_superblock(std::span(encoded).first(size)).state, SuperblockState::kValid);
  }
}

/// A page record and its journal block.
class DiskRecord : public ::testing::Test {
 protected:
  DiskRecord() {
    record_.object = ObjectId{1, 2};
    record_.at = PageAt::page(3);
    record_.generation = 4;
    record_.object_size = 5 * kPageBytes;
    record_.last_modified = 6;
    record_.cached_at = 7;
    record_.bytes = 200'000;
    record_.kind = "kind";
    record_.key = "some/key";
    record_.bucket = "bucket";
    record_.etag = "\"etag\"";
  }

  static constexpr StoreLife kLife{99, 21};
  const std::vector<DiskExtent> extents_{{128, 32}, {4096, 17}};
  const std::vector<uint64_t> sums_{10, 11, 12, 13};
  PageRecord record_;
};

TEST_F(DiskRecord, ComesBackAsWritten) {
  AlignedBuffer block(kJournalBlockBytes);
  const std::string page = encode_page_record(record_, extents_, sums_);
  const std::string removal =
      encode_removal_record(RemovalRecord{ObjectId{8, 9}, PageAt::page(10), 11});
  const std::string object_removal =
      encode_object_removal_record(ObjectRemovalRecord{ObjectId{12, 13}, 14, 15});
  const std::string text = page + removal + object_removal;
  std::memcpy(block.bytes().data() + kJournalHeaderBytes, text.data(), text.size());
  seal_journal_block(block.bytes(), kLife, 5, text.size());

  EXPECT_FALSE(open_journal_block(block.bytes(), StoreLife{98, 21}, 5)) << "another store's";
  EXPECT_FALSE(open_journal_block(block.bytes(), StoreLife{99, 22}, 5)) << "another life's";
  EXPECT_FALSE(open_journal_block(block.bytes(), kLife, 6)) << "another place's";
  const auto records = open_journal_block(block.bytes(), kLife, 5);
  ASSERT_TRUE(records);
  RecordReader reader(*records);
  const auto first = reader.next();
  ASSERT_TRUE(first && std::holds_alternative<PageRecord>(*first));
  const auto& parsed = std::get<PageRecord>(*first);
  EXPECT_EQ(parsed.object, record_.object);
  EXPECT_EQ(parsed.at, PageAt::page(3));
  EXPECT_EQ(parsed.generation, 4u);
  EXPECT_EQ(parsed.object_size, 5 * kPageBytes);
  EXPECT_EQ(parsed.last_modified, 6);
  EXPECT_EQ(parsed.cached_at, 7);
  EXPECT_EQ(parsed.bytes, 200'000u);
  EXPECT_EQ(parsed.kind, "kind");
  EXPECT_EQ(parsed.key, "some/key");
  EXPECT_EQ(parsed.bucket, "bucket");
  EXPECT_EQ(parsed.etag, "\"etag\"");
  ASSERT_EQ(parsed.extent_count, 2u);
  EXPECT_EQ(parsed.extent(1), extents_[1]);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(parsed.block_sum(i), sums_[i]);
  const auto second = reader.next();
  ASSERT_TRUE(second && std::holds_alternative<RemovalRecord>(*second));
  EXPECT_EQ(std::get<RemovalRecord>(*second).generation, 11u);
  const auto third = reader.next();
  ASSERT_TRUE(third && std::holds_alternative<ObjectRemovalRecord>(*third));
  EXPECT_EQ(std::get<ObjectRemovalRecord>(*third).object, (ObjectId{12, 13}));
  EXPECT_EQ(std::get<ObjectRemovalRecord>(*third).generation, 14u);
  EXPECT_EQ(std::get<ObjectRemovalRecord>(*third).bucket, 15u);
  EXPECT_FALSE(reader.next());
}

TEST_F(DiskRecord, NoFlippedBitGoesUnseen) {
  AlignedBuffer block(kJournalBlockBytes);
  const std::string page = encode_page_record(record_, extents_, sums_);
  std::memcpy(block.bytes().data() + kJournalHeaderBytes, page.data(), page.size());
  seal_journal_block(block.bytes(), kLife, 5, page.size());
  for (size_t bit = 0; bit < (kJournalHeaderBytes + page.size()) * 8; ++bit) {
    if (bit / 8 == 6 || bit / 8 == 7) continue;  // reserved
    block.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(open_journal_block(block.bytes(), kLife, 5)) << bit;
    block.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST_F(DiskRecord, OneThatLiesAboutItselfEndsTheBlock) {
  const std::string good = encode_page_record(record_, extents_, sums_);
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (uint32_t i = 0; i <= random() % 3; ++i) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    RecordReader reader(std::as_bytes(std::span(bad)));
    const auto parsed = reader.next();  // must stay within its bytes: the sanitizers check
    if (!parsed || !std::holds_alternative<PageRecord>(*parsed)) continue;
    const auto& page = std::get<PageRecord>(*parsed);
    uint64_t units = 0;
    for (uint32_t i = 0; i < page.extent_count; ++i) units += page.extent(i).units;
    EXPECT_EQ(units, units_for(page.bytes));
  }
}

TEST_F(DiskRecord, AFullPageWithALongKeyFitsAndALongerOneIsRefused) {
  record_.bytes = kPageBytes;
  const std::string key(1024, 'k');
  record_.key = key;
  EXPECT_TRUE(fits_journal(record_));
  const std::string longer(4096, 'k');
  record_.key = longer;
  EXPECT_FALSE(fits_journal(record_));
}

TEST(DiskChecksum, IsOfBytesAndOfWhoseTheyAre) {
  std::vector<std::byte> bytes(100'000);
  std::mt19937 random(1);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  const iovec whole{bytes.data(), bytes.size()};
  const BlockIdentity identity{1, ObjectId{2, 3}, 4, 5, 6};
  const uint64_t sum = block_checksum(identity, {&whole, 1});
  const std::vector<iovec> parts{{bytes.data(), 4096}, {bytes.data() + 4096, bytes.size() - 4096}};
  EXPECT_EQ(block_checksum(identity, parts), sum) << "however the bytes are cut";
  const std::vector<BlockIdentity> others{
      {9, ObjectId{2, 3}, 4, 5, 6}, {1, ObjectId{9, 3}, 4, 5, 6}, {1, ObjectId{2, 9}, 4, 5, 6},
      {1, ObjectId{2, 3}, 9, 5, 6}, {1, ObjectId{2, 3}, 4, 9, 6}, {1, ObjectId{2, 3}, 4, 5, 9}};
  for (const BlockIdentity& other : others) EXPECT_NE(block_checksum(other, {&whole, 1}), sum);
  EXPECT_NE(object_id("a", "bc"), object_id("ab", "c"));
}

}  // namespace
}  // namespace cachey::store
