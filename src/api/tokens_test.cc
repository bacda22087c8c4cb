#include "api/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachey::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kToken = "0123456789abcdef";
constexpr const char* kSecondToken = "another-token-of-some-length";

TEST(Tokens, AreLinesBetweenCommentsAndBlanks) {
  const auto tokens = Tokens::parse(
      "# of the readers\n\n  0123456789abcdef \r\n\t# more\nanother-token-of-some-length");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->size(), 2u);
  EXPECT_TRUE(tokens->contain(kToken));
  EXPECT_TRUE(tokens->contain(kSecondToken));
}

TEST(Tokens, ContainNothingElse) {
  const auto tokens = Tokens::parse(kToken);
  ASSERT_TRUE(tokens);
  for (const char* token : {"", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF",
                            "# of the readers", " 0123456789abcdef"}) {
    EXPECT_FALSE(tokens->contain(token)) << token;
  }
}

TEST(Tokens, AFaultNamesTheLineAndShowsNothing) {
  for (const char* line : {"too-short-by-1-", "secret with blanks in it",
                           "secret-\x01-control-chars", "secret-\xC3\xBC-not-ascii"}) {
    const auto tokens = Tokens::parse(std::string(kToken) + "\n#\n" + line + "\n");
    ASSERT_FALSE(tokens) << line;
    EXPECT_EQ(tokens.error().kind(), ErrorKind::kBadRequest);
    EXPECT_THAT(tokens.error().message(), HasSubstr("line 3"));
    EXPECT_THAT(tokens.error().message(), Not(HasSubstr("secret")));
    EXPECT_THAT(tokens.error().message(), Not(HasSubstr("short")));
  }
}

TEST(Tokens, NoneAtAllIsAFault) {
  for (const char* text : {"", "\n\n", "# 0123456789abcdef\n"}) {
    EXPECT_THAT(Tokens::parse(text).error().message(), HasSubstr("no token")) << text;
  }
}

TEST(Tokens, AreBounded) {
  std::string lines;
  for (size_t i = 0; i < Tokens::kLinesMax; ++i) lines += std::string(kToken) + "\n";
  EXPECT_TRUE(Tokens::parse(lines));
  EXPECT_THAT(Tokens::parse(lines + "#").error().message(), HasSubstr("1000 lines"));
  const std::string longest(Tokens::kTextBytesMax, 'x');
  EXPECT_TRUE(Tokens::parse(longest)->contain(longest));
  EXPECT_THAT(Tokens::parse(longest + "x").error().message(), HasSubstr("65536 bytes"));
}

}  // namespace
}  // namespace cachey::api
