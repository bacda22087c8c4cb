#include "origin/content_range.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace cachey::origin {
namespace {

TEST(ContentRange, ParsesTheThreeForms) {
  EXPECT_EQ(parse_content_range("bytes 0-9/100"), (ContentRange{ByteRange{0, 10}, 100}));
  EXPECT_EQ(parse_content_range("bytes 5-5/6"), (ContentRange{ByteRange{5, 6}, 6}));
  EXPECT_EQ(parse_content_range("bytes 0-9/*"), (ContentRange{ByteRange{0, 10}, std::nullopt}));
  EXPECT_EQ(parse_content_range("bytes */100"), (ContentRange{std::nullopt, 100}));
  EXPECT_EQ(parse_content_range("  Bytes  0 - 9 / 100 "), (ContentRange{ByteRange{0, 10}, 100}));
  EXPECT_EQ(parse_content_range("bytes 10-9/10"), (ContentRange{ByteRange{10, 10}, 10}));
  EXPECT_EQ(parse_content_range("bytes 20-19/10"), (ContentRange{ByteRange{20, 20}, 10}));
}

TEST(ContentRange, OfNothingMaySayAnything) {
  for (const char* text :
       {"bytes */0", "bytes 0-0/0", "bytes 0--1/0", "bytes 0-/0", "bytes -/0", "bytes 0-16777215/0",
        "bytes 0-18446744073709551615/0", "bytes 5-4/0", "BYTES 0-9 / 0 ", "bytes 0-4095/00"}) {
    EXPECT_EQ(parse_content_range(text), (ContentRange{std::nullopt, 0})) << text;
  }
}

TEST(ContentRange, RefusesEverythingElse) {
  for (const char* text : {"",
                           "bytes",
                           "bytes ",
                           "bytes */*",
                           "bytes 0-9",
                           "bytes 0-9/",
                           "bytes 0-/10",
                           "bytes -9/10",
                           "bytes 9-0/10",
                           "bytes 1--1/10",
                           "bytes 0--1/10",
                           "items 0-0/0",
                           "bytes 0-0/0x",
                           "bytes 0-0/0/0",
                           "bytes 0--2/10",
                           "bytes 0-10/10",
                           "items 0-9/100",
                           "bytes=0-9/100",
                           "bytes 0-9/100x",
                           "bytes 0-9,20-29/100",
                           "bytes 0x0-9/100",
                           "bytes +0-9/100",
                           "bytes 0-9/18446744073709551616",
                           "bytes 0-9223372036854775808/*",
                           "bytes0-9/100"}) {
    EXPECT_FALSE(parse_content_range(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace cachey::origin
