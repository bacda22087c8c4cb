#include "api/range_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/units.h"

namespace cachey::api {
namespace {

TEST(RangeHeader, TakesOneRangeWithBothEnds) {
  EXPECT_EQ(parse_range("bytes=0-0"), (ByteRange{0, 1}));
  EXPECT_EQ(parse_range("bytes=1048576-18874367"), (ByteRange{1048576, 18874368}));
  EXPECT_EQ(parse_range("Bytes=5-9"), (ByteRange{5, 10})) << "units are case-insensitive";
  EXPECT_EQ(parse_range("bytes=007-0009"), (ByteRange{7, 10}));
  EXPECT_EQ(parse_range("bytes=0-54975581388799"), (ByteRange{0, kObjectBytesMax}));
}

TEST(RangeHeader, UsualFormsAreParsedAtOnce) {
  EXPECT_EQ(parse_usual_range("bytes=0-0"), (ByteRange{0, 1}));
  EXPECT_EQ(parse_usual_range("bytes=007-0009"), (ByteRange{7, 10}));
  EXPECT_EQ(parse_usual_range("bytes=0-54975581388799"), (ByteRange{0, kObjectBytesMax}));
  for (const char* other :
       {"", "bytes=", "bytes=-", "bytes=5-", "bytes=-5", "bytes=9-5", "bytes=0-1,3-4", "bytes=0-1 ",
        "bytes=+1-2", "bytes= 1-2", "bytes=1--2", "Bytes=1-2", "bytes=0-54975581388800",
        "bytes=0-18446744073709551617", "bytes=0000000000000000000-1", "bytes=a-b"}) {
    EXPECT_EQ(parse_usual_range(other), std::nullopt) << other;
  }
}

TEST(RangeHeader, CutsTheLastPositionHoweverLargeItIs) {
  for (const char* last :
       {"54975581388800", "4611686018427387904", "9223372036854775807", "18446744073709551615",
        "18446744073709551616", "0000000000000000000000099999999999999999999999999999999"}) {
    EXPECT_EQ(parse_range(std::string("bytes=70-") + last), (ByteRange{70, kObjectBytesMax}))
        << last;
  }
  EXPECT_EQ(parse_range("bytes=54975581388799-99999999999999999999"),
            (ByteRange{kObjectBytesMax - 1, kObjectBytesMax}));
}

struct Bad {
  const char* value;
  const char* text;
};

TEST(RangeHeader, NamesTheFault) {
  static constexpr Bad kTable[] = {
      {"", "must be"},
      {"bytes", "must be"},
      {"bytes=", "must be"},
      {"bytes 0-5", "must be"},
      {"=0-5", "must be"},
      {"items=0-5", "must be"},
      {"byte=0-5", "must be"},
      {"bytess=0-5", "must be"},
      {" bytes=0-5", "must be"},
      {"bytes=5", "must be"},
      {"bytes=-5", "suffix"},
      {"bytes=--5", "suffix"},
      {"bytes=-", "suffix"},
      {"bytes=5-", "open"},
      {"bytes=0-1,3-4", "one range"},
      {"bytes=0-1,", "one range"},
      {"bytes=9-5", "after the last"},
      {"bytes=a-5", "first byte is not a number"},
      {"bytes=0-b", "last byte is not a number"},
      {"bytes= 0-5", "not a number"},
      {"bytes=0 -5", "not a number"},
      {"bytes=0- 5", "not a number"},
      {"bytes=0-5 ", "not a number"},
      {"bytes=+0-5", "not a number"},
      {"bytes=0-+5", "not a number"},
      {"bytes=0x0-0x5", "not a number"},
      {"bytes=0-5-7", "not a number"},
      {"bytes=1.5-2", "not a number"},
      {"bytes=1e3-2e3", "not a number"},
      {"bytes=99999999999999999999-99999999999999999999", "50 TiB"},
      {"bytes=18446744073709551616-5", "after the last"},
      {"bytes=18446744073709551615-18446744073709551615", "50 TiB"},
      {"bytes=54975581388800-54975581388800", "50 TiB"},
      {"bytes=0-18446744073709551616x", "last byte is not a number"},
  };
  for (const Bad& bad : kTable) {
    const Result<ByteRange> parsed = parse_range(bad.value);
    ASSERT_FALSE(parsed) << bad.value;
    EXPECT_EQ(parsed.error().kind(), ErrorKind::kRangeNotSatisfiable);
    EXPECT_THAT(parsed.error().message(), ::testing::HasSubstr(bad.text)) << bad.value;
    EXPECT_FALSE(parsed.error().object_size());
  }
}

TEST(RangeHeader, AnyRangeTakesOneEndToo) {
  using enum AnyRange::Form;
  const struct {
    const char* value;
    AnyRange range;
  } rows[] = {
      {"bytes=5-9", {kBothEnds, {5, 10}}},
      {"bytes=5-99999999999999999999", {kBothEnds, {5, kObjectBytesMax}}},
      {"bytes=5-", {kOpen, {5, kObjectBytesMax}}},
      {"Bytes=00-", {kOpen, {0, kObjectBytesMax}}},
      {"bytes=-5", {kTail, {0, 5}}},
      {"bytes=-0", {kTail, {0, 0}}},
      {"bytes=-99999999999999999999", {kTail, {0, kObjectBytesMax}}},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_any_range(row.value), row.range) << row.value;
  for (const char* value : {"", "bytes", "bytes=", "bytes=-", "bytes=--5", "bytes=a-", "bytes=-a",
                            "bytes=9-5", "bytes=0-1,3-", "bytes=-5,-1", "items=5-", "bytes= 5-",
                            "bytes=54975581388800-", "bytes=-5 ", "bytes=5-6-"}) {
    const Result<AnyRange> parsed = parse_any_range(value);
    ASSERT_FALSE(parsed) << value;
    EXPECT_EQ(parsed.error().kind(), ErrorKind::kRangeNotSatisfiable);
  }
}

}  // namespace
}  // namespace cachey::api
