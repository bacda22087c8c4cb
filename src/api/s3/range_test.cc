#include "api/s3/range.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace cachey::api::s3 {
namespace {

using RangeForm = AskedRange::Form;
using enum RangeVerdict::Answer;

constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();

struct RangeRow {
  std::string value;
  RangeVerdict verdict;
};

constexpr RangeVerdict whole(uint64_t size) { return {kWhole, {0, size}}; }
constexpr RangeVerdict part(uint64_t first, uint64_t last) { return {kPart, {first, last + 1}}; }
constexpr RangeVerdict unsatisfiable() { return {kUnsatisfiable, {}}; }

void expect_verdicts(const std::vector<RangeRow>& rows, uint64_t size) {
  for (const RangeRow& row : rows) {
    const RangeVerdict verdict = judge(AskedRange::parse(row.value), size);
    EXPECT_EQ(verdict, row.verdict)
        << row.value << " of " << size << " bytes: " << static_cast<int>(verdict.answer) << " "
        << verdict.bytes.begin << "-" << verdict.bytes.end;
  }
}

// The ranges of versitygw's GetObject_with_range.
TEST(Range, OfAHundredBytesAsS3AnswersThem) {
  expect_verdicts(
      {
          {"bytes=,", whole(100)},
          {"bytes= -1", whole(100)},
          {"bytes=--1", whole(100)},
          {"bytes=0 -1", whole(100)},
          {"bytes=0--1", whole(100)},
          {"bytes=10-5", whole(100)},
          {"bytes=abc", whole(100)},
          {"bytes=a-z", whole(100)},
          {"foo=0-1", whole(100)},
          {"bytes=abc-xyz", whole(100)},
          {"bytes=100-x", whole(100)},
          {"bytes=0-0,1-2", whole(100)},
          {"bytes=102-0", whole(100)},
          {"bytes=00-01", part(0, 1)},
          {"bytes=-1", part(99, 99)},
          {"bytes=-2", part(98, 99)},
          {"bytes=-10", part(90, 99)},
          {"bytes=-100", part(0, 99)},
          {"bytes=-101", part(0, 99)},
          {"bytes=0-0", part(0, 0)},
          {"bytes=0-99", part(0, 99)},
          {"bytes=0-100", part(0, 99)},
          {"bytes=0-999999", part(0, 99)},
          {"bytes=1-99", part(1, 99)},
          {"bytes=50-99", part(50, 99)},
          {"bytes=50-", part(50, 99)},
          {"bytes=0-", part(0, 99)},
          {"bytes=99-99", part(99, 99)},
          {"bytes=-0", unsatisfiable()},
          {"bytes=100-100", unsatisfiable()},
          {"bytes=100-110", unsatisfiable()},
      },
      100);
}

// The ranges of versitygw's GetObject_zero_len_with_range.
TEST(Range, OfAnEmptyObjectAsS3AnswersThem) {
  expect_verdicts(
      {
          {"bytes=abc", whole(0)},
          {"bytes=a-z", whole(0)},
          {"bytes=,", whole(0)},
          {"bytes=0-0,1-2", whole(0)},
          {"foo=0-1", whole(0)},
          {"bytes=--1", whole(0)},
          {"bytes=0--1", whole(0)},
          {"bytes= -1", whole(0)},
          {"bytes=0 -1", whole(0)},
          {"bytes=-1", whole(0)},
          {"bytes=00-01", unsatisfiable()},
          {"bytes=-0", unsatisfiable()},
          {"bytes=0-0", unsatisfiable()},
          {"bytes=0-", unsatisfiable()},
      },
      0);
}

TEST(Range, WhatIsNotOneValidRangeIsIgnored) {
  for (const char* value : {"",
                            "bytes",
                            "bytes=",
                            "bytes=-",
                            "bytes=5",
                            "bytes 0-1",
                            "bytes=0-1 ",
                            "bytes= 0-1",
                            "bytes=0- 1",
                            "bytes =0-1",
                            "bytes=\t0-1",
                            "bytes=+0-1",
                            "bytes=0-+1",
                            "bytes=0x0-1",
                            "bytes=0-1-2",
                            "bytes=0-1=2",
                            "bytes==0-1",
                            "bytes=0-1,",
                            "bytes=,0-1",
                            "bytes=0-1;",
                            "bytes=-1-",
                            "bytes=--",
                            "bytes=1.0-2",
                            "bytes=0-1,2-",
                            "bytes=-5,-3",
                            "bits=0-1",
                            "lines=1-2",
                            "byte=0-1",
                            "=0-1",
                            "0-1",
                            "bytes=\xEF\xBC\x90-1",
                            "bytes=0\xE2\x80\x93"
                            "1",
                            "bytes=18446744073709551617-18446744073709551616"}) {
    EXPECT_EQ(AskedRange::parse(value), AskedRange()) << value;
  }
}

TEST(Range, TheUnitHasNoCase) {
  for (const char* value : {"bytes=1-2", "Bytes=1-2", "BYTES=1-2"})
    expect_verdicts({{value, part(1, 2)}}, 100);
}

TEST(Range, NumbersOfAnyLength) {
  const std::string huge(300, '9');
  const std::string zeros(300, '0');
  expect_verdicts(
      {
          {"bytes=0-" + huge, part(0, 99)},
          {"bytes=7-18446744073709551615", part(7, 99)},
          {"bytes=7-18446744073709551616", part(7, 99)},
          {"bytes=-" + huge, part(0, 99)},
          {"bytes=" + zeros + "5-" + zeros + "9", part(5, 9)},
          {"bytes=-" + zeros + "7", part(93, 99)},
          {"bytes=-" + zeros, unsatisfiable()},
          {"bytes=" + huge + "-", unsatisfiable()},
          {"bytes=" + huge + "-" + huge, unsatisfiable()},
          {"bytes=" + huge + "-" + huge + "0", unsatisfiable()},
          {"bytes=" + huge + "0-" + huge, whole(100)},
          {"bytes=18446744073709551615-", unsatisfiable()},
          {"bytes=" + zeros + "-" + zeros, part(0, 0)},
      },
      100);
  expect_verdicts({{"bytes=0-", part(0, kLargest - 1)},
                   {"bytes=-1", part(kLargest - 1, kLargest - 1)},
                   {"bytes=18446744073709551615-", unsatisfiable()}},
                  kLargest);
}

TEST(Range, OfOneByte) {
  expect_verdicts({{"bytes=0-", part(0, 0)},
                   {"bytes=0-0", part(0, 0)},
                   {"bytes=-1", part(0, 0)},
                   {"bytes=-2", part(0, 0)},
                   {"bytes=1-", unsatisfiable()},
                   {"bytes=1-1", unsatisfiable()}},
                  1);
}

// The answer must not depend on whether the size was known when the question was asked.
TEST(Range, TheRangeOfAnUnknownSizeHasTheBytesOfTheAnswer) {
  for (const char* value : {"bytes=0-", "bytes=0-0", "bytes=5-", "bytes=99-1000", "bytes=100-",
                            "bytes=54975581388800-", "bytes=18446744073709551615-"}) {
    const AskedRange asked = AskedRange::parse(value);
    ASSERT_EQ(asked.form, RangeForm::kFromTo) << value;
    const ByteRange unknown = asked.of_unknown_size();
    EXPECT_FALSE(unknown.empty()) << value;
    EXPECT_LE(unknown.end, kObjectBytesMax) << value;
    for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{100}, kObjectBytesMax - 1}) {
      const RangeVerdict verdict = judge(asked, size);
      const ByteRange cut{unknown.begin, std::min(unknown.end, size)};
      EXPECT_EQ(verdict.answer == kUnsatisfiable, cut.empty()) << value << " of " << size;
      if (!cut.empty()) EXPECT_EQ(verdict.bytes, cut) << value << " of " << size;
    }
  }
}

TEST(Range, OnlyOneFieldCounts) {
  const auto of = [](std::vector<net::Field> fields) {
    return AskedRange::of(net::Request(net::Method::kGet, "/b/k", std::move(fields)));
  };
  EXPECT_EQ(of({}).form, RangeForm::kWhole);
  EXPECT_EQ(of({{"range", "bytes=1-2"}}), AskedRange::parse("bytes=1-2"));
  EXPECT_EQ(of({{"host", "h"}, {"range", "bytes=-2"}, {"if-range", "x"}}),
            AskedRange::parse("bytes=-2"));
  EXPECT_EQ(of({{"range", "bytes=1-2"}, {"range", "bytes=1-2"}}).form, RangeForm::kWhole);
}

}  // namespace
}  // namespace cachey::api::s3
