#include "base/escape.h"

#include <gtest/gtest.h>

namespace cachey {
namespace {

TEST(Escape, DecodesHexOfEitherCase) {
  EXPECT_EQ(percent_decode("a%2Fb%2fc"), "a/b/c");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode(""), "");
}

TEST(Escape, RefusesBrokenEscapes) {
  for (const char* text : {"%", "%4", "a%zz", "%4g", "%%41", "a%"})
    EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(Escape, EncodesAllButUnreserved) {
  std::string out;
  percent_encode("a/b c+d=\xC3\xBC~!*'()", Slashes::kKeep, out);
  EXPECT_EQ(out, "a/b%20c%2Bd%3D%C3%BC~%21%2A%27%28%29");
  out.clear();
  percent_encode("a/b", Slashes::kEscape, out);
  EXPECT_EQ(out, "a%2Fb");
}

TEST(Escape, DecodeUndoesEncodeForEveryByte) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string encoded;
  percent_encode(all, Slashes::kEscape, encoded);
  EXPECT_EQ(percent_decode(encoded), all);
}

TEST(Escape, Utf8FollowsTheUnicodeTable) {
  for (const char* text :
       {"", "abc", "\xC3\xBC", "\xE6\x97\xA5", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const char* text : {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "a\xFF"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(Escape, FindsControlCharacters) {
  EXPECT_TRUE(has_control("a\nb"));
  EXPECT_TRUE(has_control("\x7f"));
  EXPECT_TRUE(has_control("a\xC2\x85"));
  EXPECT_FALSE(has_control("a b\xC3\xBC\xC2\xA9"));
}

}  // namespace
}  // namespace cachey
