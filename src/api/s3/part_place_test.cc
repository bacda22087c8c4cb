#include "api/s3/part_place.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace cachey::api::s3 {
namespace {

using enum PartPlace::Form;

const ObjectInfo kVersion{.etag = "\"abc-3\"", .size = 100};
constexpr const char* kTagLine = "ETag: \"abc-3\"\r\n";

Result<PartPlace> read(unsigned status, const std::string& lines, std::optional<uint64_t> length,
                       uint32_t number = 2) {
  return read_part_answer({status, lines, length}, kVersion, number);
}

Result<PartPlace> tagged(unsigned status, const std::string& lines, std::optional<uint64_t> length,
                         uint32_t number = 2) {
  return read(status, kTagLine + lines, length, number);
}

TEST(PartNumber, IsOneOfS3s) {
  EXPECT_EQ(parse_part_number("1"), 1u);
  EXPECT_EQ(parse_part_number("10000"), 10'000u);
  for (const char* text : {"", "0", "10001", "-1", "+1", "1 ", " 1", "1.0", "0x1", "4294967297"})
    EXPECT_EQ(parse_part_number(text), std::nullopt) << text;
}

TEST(PartNumber, TagsOfUploadsInPartsEndWithTheirNumber) {
  EXPECT_EQ(parts_in_tag("\"d41d8cd98f00b204e9800998ecf8427e-12\""), 12u);
  EXPECT_EQ(parts_in_tag("abc-1"), 1u);
  for (const char* tag : {"", "\"\"", "\"abc\"", "\"abc-\"", "\"abc-0\"", "\"abc-1x\"", "\"12\"",
                          "\"abc-10001\"", "W/\"abc-x\""})
    EXPECT_EQ(parts_in_tag(tag), std::nullopt) << tag;
}

TEST(PartAnswer, TellsARange) {
  const auto place =
      tagged(206, "content-range: bytes 40-79/100\r\nX-Amz-Mp-Parts-Count: 3\r\n", 40);
  EXPECT_EQ(place.value(), (PartPlace{kRange, {40, 80}, 3}));
  EXPECT_EQ(tagged(206, "Content-Range: bytes 40-79/100\r\n", {})->count, 0u);
  EXPECT_EQ(tagged(200, "Content-Range: bytes 40-79/*\r\n", 40)->range, ByteRange(40, 80));
  EXPECT_EQ(tagged(206, "Content-Range: bytes 0-9/100\r\nx-amz-mp-parts-count: x\r\n", 10)->count,
            0u);
}

TEST(PartAnswer, OfTheFirstPartTheLengthIsEnough) {
  const std::string count = "x-amz-mp-parts-count: 3\r\n";
  EXPECT_EQ(tagged(200, count, 40, 1).value(), (PartPlace{kRange, {0, 40}, 3}));
  EXPECT_EQ(tagged(206, count, 40, 1).value(), (PartPlace{kRange, {0, 40}, 3}));
  EXPECT_EQ(tagged(200, count, 40, 2)->form, kForeign);
  EXPECT_EQ(tagged(200, count, {}, 1)->form, kForeign);
  EXPECT_EQ(tagged(200, count, 0, 1)->form, kForeign);
  EXPECT_EQ(tagged(200, count, 101, 1)->form, kForeign);
  const std::string one = "x-amz-mp-parts-count: 1\r\n";
  EXPECT_EQ(tagged(200, one, 100, 1).value(), (PartPlace{kRange, {0, 100}, 1}));
  EXPECT_EQ(tagged(200, one, 40, 1)->form, kForeign);
}

TEST(PartAnswer, OfAStoreThatIgnoresNumbersIsTheWholeObject) {
  EXPECT_EQ(tagged(200, "", 100)->form, kWhole);
  EXPECT_EQ(tagged(200, "", 40)->form, kForeign);
  EXPECT_EQ(tagged(200, "", {})->form, kForeign);
}

TEST(PartAnswer, OfAnotherVersionIsNone) {
  const std::string range = "Content-Range: bytes 40-79/100\r\n";
  EXPECT_EQ(read(206, "ETag: \"other-3\"\r\n" + range, 40).error().kind(), ErrorKind::kChanged);
  EXPECT_EQ(read(206, range, 40).error().kind(), ErrorKind::kChanged);
  EXPECT_EQ(read(206, "ETag: abc-3\r\n" + range, 40)->form, kRange) << "without quotes";
  EXPECT_EQ(tagged(206, "Content-Range: bytes 40-79/101\r\n", 40).error().kind(),
            ErrorKind::kChanged);
  EXPECT_EQ(tagged(206, "Content-Range: bytes 90-100/*\r\n", 11).error().kind(),
            ErrorKind::kChanged);
  EXPECT_EQ(read(404, "", 0).error().kind(), ErrorKind::kChanged);
  EXPECT_EQ(read(412, "", 0).error().kind(), ErrorKind::kChanged);
}

TEST(PartAnswer, RefusalsAndOddAnswers) {
  EXPECT_EQ(read(416, "", 0)->form, kNone);
  EXPECT_EQ(read(403, "", 0).error().kind(), ErrorKind::kDenied);
  for (const unsigned status : {304u, 400u, 405u, 501u})
    EXPECT_EQ(read(status, "", 0)->form, kForeign) << status;
  EXPECT_EQ(tagged(206, "Content-Range: bytes 40-79/100\r\n", 39)->form, kForeign);
  EXPECT_EQ(tagged(206, "Content-Range: bytes */100\r\n", {})->form, kForeign);
  EXPECT_EQ(tagged(206, "Content-Range: all\r\n", 40)->form, kForeign);
}

}  // namespace
}  // namespace cachey::api::s3
