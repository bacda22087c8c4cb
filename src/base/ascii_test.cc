#include "base/ascii.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace cachey {
namespace {

TEST(Ascii, TrimsTheEndsOnly) {
  EXPECT_EQ(trimmed(" \ta b\t "), "a b");
  EXPECT_EQ(trimmed("\r\n x \v", " \r\n\v"), "x");
  EXPECT_EQ(trimmed(" \t"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed("x\r"), "x\r");
}

TEST(Ascii, BlanksControlsAndOtherBytesAreNotVisible) {
  EXPECT_TRUE(is_visible('!') && is_visible('~'));
  for (const char c : {' ', '\t', '\0', '\x7f', '\x80', '\xff'}) EXPECT_FALSE(is_visible(c)) << +c;
}

TEST(Ascii, LowersLettersOnly) { EXPECT_EQ(lower_case("AZaz09-_\xc3\x84"), "azaz09-_\xc3\x84"); }

TEST(Ascii, ANumberIsTheWholeTextAndFits) {
  EXPECT_EQ(parse_number<uint16_t>("65535"), 65535);
  for (const char* bad : {"65536", "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "a"}) {
    EXPECT_EQ(parse_number<uint16_t>(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_number<int64_t>("-1"), -1);
  EXPECT_EQ(parse_number<int64_t>("9223372036854775808"), std::nullopt);
}

}  // namespace
}  // namespace cachey
