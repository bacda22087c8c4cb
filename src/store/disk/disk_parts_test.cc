// Parts of pages, and pages of several sizes, on the disk.

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "store/disk/disk_tier.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

constexpr unsigned kUsual = PageAt::kExponentMax;

class DiskParts : public ::testing::Test {
 protected:
  DiskWrite write(const DiskPage& page) { return disk_.write(page); }
  DiskWrite write_part(uint64_t begin, uint64_t bytes, int version = 1) {
    return write(make_part("object", begin, bytes, version));
  }
  /// The ranges of the parts that overlap `range`.
  std::vector<ByteRange> parts(ByteRange range, unsigned exponent = kUsual) {
    std::vector<ByteRange> ranges;
    const std::vector<DiskPageRef> found =
        disk_.tier().find_parts(disk_.worker(), "kind", "object", exponent, range);
    for (const DiskPageRef& ref : found) ranges.push_back(ref.range());
    return ranges;
  }
  size_t count() { return disk_.tier().usage().parts; }
  uint64_t drops(DiskDrop cause) { return disk_.tier().stats().drops[static_cast<size_t>(cause)]; }

  using Ranges = std::vector<ByteRange>;
  DiskHarness disk_{64 * kMiB};
};

TEST_F(DiskParts, AreFoundByAnyRangeThatOverlapsThem) {
  const DiskPage part = make_part("object", 3 * kMiB + 4, 6);
  EXPECT_EQ(write(part), DiskWrite::kStored);
  const ByteRange range{3 * kMiB + 4, 3 * kMiB + 10};
  EXPECT_EQ(parts({3 * kMiB + 9, 3 * kMiB + 10}), Ranges{range});
  EXPECT_EQ(parts({0, kPageBytes}), Ranges{range});
  EXPECT_EQ(parts({3 * kMiB + 10, kPageBytes}), Ranges{});
  EXPECT_EQ(parts({0, 3 * kMiB + 4}), Ranges{});
  EXPECT_EQ(parts({0, kPageBytes}, 20), Ranges{}) << "of pages of another size";
  EXPECT_EQ(disk_.read(part), DiskRead::kOk);
  EXPECT_FALSE(disk_.tier().find(disk_.worker(), "kind", "object", PageAt())) << "no page";
}

TEST_F(DiskParts, ComeInTheOrderOfTheirBegin) {
  write_part(5 * kMiB, 10);
  write_part(kMiB + 17, kMiB - 17);
  write_part(4'000, 100);
  write_part(2 * kMiB, 2 * kMiB);
  EXPECT_EQ(
      parts({0, kPageBytes}),
      (Ranges{
          {4'000, 4'100}, {kMiB + 17, 2 * kMiB}, {2 * kMiB, 4 * kMiB}, {5 * kMiB, 5 * kMiB + 10}}));
  EXPECT_EQ(parts({4'099, 2 * kMiB + 1}).size(), 3u);
}

TEST_F(DiskParts, ThatAreTooSmallAreLeftOutUnlessTheyHaveTheFirstByte) {
  for (const uint64_t begin : {0, 1'000, 2'000}) write_part(begin, 100);
  write_part(3'000, 1'000);
  const std::vector<DiskPageRef> found = disk_.tier().find_parts(
      disk_.worker(), "kind", "object", kUsual, {1'050, kPageBytes}, DiskUse::kNone, 1'000);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].range(), (ByteRange{1'000, 1'100}));
  EXPECT_EQ(found[1].range(), (ByteRange{3'000, 4'000}));
}

TEST_F(DiskParts, ThatAreTooSmallAreThereIfTheyHaveTheLastByte) {
  for (const uint64_t begin : {0, 1'000, 2'000}) write_part(begin, 100);
  for (const uint64_t end : {2'050, 2'100}) {
    const std::vector<DiskPageRef> found = disk_.tier().find_parts(
        disk_.worker(), "kind", "object", kUsual, {500, end}, DiskUse::kNone, 1'000);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].range(), (ByteRange{2'000, 2'100}));
  }
}

TEST_F(DiskParts, SurviveTheProcessAndAreReadByBlocksFromTheirBegin) {
  const DiskPage part = make_part("object", 7 * kMiB + 123, 200'000);
  EXPECT_EQ(write(part), DiskWrite::kStored);
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  EXPECT_TRUE(disk_.has(part));
  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(disk_.read(part, ByteRange{kDiskBlockBytes, 2 * kDiskBlockBytes}), DiskRead::kOk);
  EXPECT_EQ(disk_.read(part, ByteRange{3 * kDiskBlockBytes, 200'000}), DiskRead::kOk);
  EXPECT_EQ(disk_.wrong_reads(), 0u);
}

TEST_F(DiskParts, OfSixBytesTakeOneUnit) {
  const uint64_t before = disk_.tier().usage().used_bytes;
  write_part(4, 6);
  EXPECT_EQ(disk_.tier().usage().used_bytes - before, kUnitBytes);
  EXPECT_EQ(disk_.tier().usage().payload_bytes, 6u);
  EXPECT_EQ(disk_.tier().usage().pages, 0u);
}

TEST_F(DiskParts, OtherBytesThanWereWrittenAreFound) {
  const DiskPage part = make_part("object", 9'999, 70'000);
  write(part);
  const std::shared_ptr<AlignedBuffer> content = page_content(part);
  const std::span<std::byte> bytes = disk_.device().bytes();
  for (uint64_t unit = kDataOffset; unit < bytes.size(); unit += kUnitBytes) {
    if (std::memcmp(&bytes[unit], content->bytes().data(), kUnitBytes) == 0) {
      disk_.device().flip_bit((unit + 5) * 8);
    }
  }
  EXPECT_EQ(disk_.read(part), DiskRead::kCorrupt);
  EXPECT_EQ(parts({0, kPageBytes}), Ranges{});
}

TEST_F(DiskParts, AreNotWrittenAgain) {
  EXPECT_EQ(write_part(1'000, 5'000), DiskWrite::kStored);
  EXPECT_EQ(write_part(1'000, 5'000), DiskWrite::kAlreadyThere);
  EXPECT_EQ(write_part(1'500, 4'500), DiskWrite::kAlreadyThere);
  EXPECT_EQ(write_part(1'500, 4'501), DiskWrite::kStored) << "one more byte";
}

TEST_F(DiskParts, GoWhereALargerPartHasTheirBytes) {
  for (uint64_t at = 0; at < 2 * kMiB; at += 16 * kKiB) write_part(at, 100);
  write_part(2 * kMiB, 100);
  EXPECT_EQ(count(), 129u);
  EXPECT_EQ(write_part(50, 2 * kMiB - 50), DiskWrite::kStored);
  EXPECT_EQ(parts({0, kPageBytes}), (Ranges{{0, 100}, {50, 2 * kMiB}, {2 * kMiB, 2 * kMiB + 100}}));
}

TEST_F(DiskParts, GoWhereTheirPageIs) {
  for (uint64_t at = 0; at < 2 * kPageBytes; at += 256 * kKiB) write_part(at + 77, 99);
  EXPECT_EQ(count(), 128u);
  EXPECT_EQ(write(make_page("object", 0, kPageBytes)), DiskWrite::kStored);
  EXPECT_EQ(parts({0, kPageBytes}), Ranges{});
  EXPECT_EQ(count(), 64u) << "those of the other page";
  EXPECT_EQ(write_part(5, 5), DiskWrite::kAlreadyThere);
  EXPECT_EQ(write(make_part("object", 5, 5, 1, 20)), DiskWrite::kStored) << "of a page of 1 MiB";
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  EXPECT_EQ(count(), 65u);
}

TEST_F(DiskParts, PastTheBoundOfABlockAreNotKept) {
  for (uint64_t i = 0; i < Catalog::kPartsMax; ++i) {
    EXPECT_EQ(write_part(kMiB + i * 2, 1), DiskWrite::kStored);
  }
  EXPECT_EQ(write_part(kMiB + 1'001, 1), DiskWrite::kDropped);
  EXPECT_EQ(drops(DiskDrop::kManyParts), 1u);
  EXPECT_EQ(write_part(kMiB + 64 * kKiB, 1), DiskWrite::kStored) << "the next block";
  EXPECT_EQ(write_part(kMiB + 3, 1'000), DiskWrite::kStored) << "takes the place of others";
  EXPECT_EQ(write_part(kMiB + 2'001, 1), DiskWrite::kStored);
  EXPECT_EQ(parts({kMiB, kMiB + 64 * kKiB}).size(), 4u);
}

TEST_F(DiskParts, AClientThatReadsByteAfterByteDoesNotFillTheIndex) {
  for (uint64_t i = 0; i < 20'000; ++i) write_part(i * 50, 1);
  EXPECT_LE(count(), 16 * Catalog::kPartsMax);
  EXPECT_LE(disk_.tier().usage().used_bytes, 3 * kMiB);
}

TEST_F(DiskParts, OfAnOldVersionAreNotFound) {
  write_part(0, 100);
  const DiskPage next = make_part("object", 200, 100, 2);
  disk_.tier().observe(disk_.worker(), "kind", "object", {next.info, "bucket"});
  EXPECT_EQ(parts({0, kPageBytes}), Ranges{});
  EXPECT_EQ(write(next), DiskWrite::kStored);
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  EXPECT_EQ(parts({0, kPageBytes}), (Ranges{{200, 300}}));
}

TEST_F(DiskParts, OfTwoBucketsStandBesideEachOther) {
  DiskPage other = make_part("object", 300, 100);
  other.bucket = "other";
  other.info.etag = "\"of the other\"";
  write_part(0, 100);
  EXPECT_EQ(write(other), DiskWrite::kStored);
  EXPECT_EQ(parts({0, kPageBytes}).size(), 2u);
  disk_.tier().remove(disk_.worker(), "kind", "object", "other");
  EXPECT_EQ(parts({0, kPageBytes}), (Ranges{{0, 100}}));
}

TEST_F(DiskParts, AreEvictedAsPagesAre) {
  write_part(0, 100);
  for (uint32_t i = 0; i < 40'000 && count() > 0; ++i) {
    write(make_page(std::to_string(i), 0, 64 * kKiB));
  }
  EXPECT_EQ(count(), 0u);
  EXPECT_EQ(parts({0, kPageBytes}), Ranges{});
}

TEST_F(DiskParts, KeepTheirSpaceWhileTheyAreRead) {
  write_part(0, 100);
  const std::vector<DiskPageRef> held =
      disk_.tier().find_parts(disk_.worker(), "kind", "object", kUsual, {0, 10});
  ASSERT_EQ(held.size(), 1u);
  const uint64_t used = disk_.tier().usage().used_bytes;
  disk_.tier().remove(disk_.worker(), "kind", "object");
  EXPECT_EQ(disk_.tier().usage().used_bytes, used);
  const auto into = std::make_shared<AlignedBuffer>(100);
  EXPECT_EQ(disk_.run(disk_.tier().read(disk_.worker(), held[0], {0, 100}, {into->part()}, into)),
            DiskRead::kOk);
}

TEST_F(DiskParts, OfSmallPagesEndWithTheirPage) {
  const DiskPage part = make_part("object", 64 * kKiB * 3 + 60'000, 5'536, 1, 16);
  EXPECT_EQ(part.at.bytes_max(), 5'536u);
  EXPECT_EQ(write(part), DiskWrite::kStored);
  EXPECT_EQ(parts({0, kMiB}, 16).size(), 1u);
  DiskPage page = make_page("object", 0, 64 * kKiB);
  page.at = PageAt::page(3, 16);
  EXPECT_EQ(write(page), DiskWrite::kStored);
  EXPECT_EQ(count(), 0u);
}

/// Page 1 of 1 MiB and page 1 of 4 MiB are other bytes, even if their lengths are equal.
TEST_F(DiskParts, PagesOfTwoSizesAreNeverMistaken) {
  DiskPage small = make_page("object", 0, kMiB);
  small.at = PageAt::page(1, 20);
  DiskPage large = make_page("object", 0, kMiB);
  large.at = PageAt::page(1, 22);
  EXPECT_EQ(write(small), DiskWrite::kStored);
  EXPECT_FALSE(disk_.has(large));
  EXPECT_FALSE(disk_.tier().find(disk_.worker(), "kind", "object", PageAt::page(1)));
  EXPECT_EQ(write(large), DiskWrite::kStored);
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  EXPECT_EQ(disk_.read(small), DiskRead::kOk);
  EXPECT_EQ(disk_.read(large), DiskRead::kOk);
  EXPECT_EQ(disk_.wrong_reads(), 0u);
}

TEST(PageAt, TellsWhatItIs) {
  EXPECT_EQ(PageAt::page(7).code(), 7u) << "as version 2 of the format";
  EXPECT_EQ(PageAt::page(7, 16).begin(), 7 * 64 * kKiB);
  EXPECT_EQ(PageAt::page(7, 16).exponent(), 16u);
  const PageAt last = PageAt::part(kObjectBytesMax - 1);
  EXPECT_TRUE(last.is_valid());
  EXPECT_EQ(last.begin(), kObjectBytesMax - 1);
  EXPECT_EQ(last.bytes_max(), 1u);
  EXPECT_EQ(last.whole(), PageAt::page(kObjectBytesMax / kPageBytes - 1));
  EXPECT_TRUE(last.is_part());
  EXPECT_FALSE(last.whole().is_part());
  EXPECT_FALSE(PageAt::part(kObjectBytesMax).is_valid());
  EXPECT_FALSE((PageAt{.number = 0, .offset = 0, .shape = 24}).is_valid()) << "written as 0";
  EXPECT_FALSE((PageAt{.number = 0, .offset = 0, .shape = 15}).is_valid());
  EXPECT_FALSE((PageAt{.number = 0, .offset = 1, .shape = 20}).is_valid());
  EXPECT_FALSE((PageAt{.number = UINT32_MAX, .offset = 0, .shape = 24}).is_valid());
}

}  // namespace
}  // namespace cachey::store
