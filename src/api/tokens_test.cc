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

TEST(Tokens, MayHaveANameAndLimits) {
  const auto tokens = Tokens::parse(
      "0123456789abcdef\n# more\n"
      "another-token-of-some-length  name=reports\tmisses=8 bandwidth=100MB\r\n"
      "a-third-token-of-some-length bandwidth=0 misses=0");
  ASSERT_TRUE(tokens) << tokens.error().message();
  ASSERT_EQ(tokens->holders().size(), 3u);
  EXPECT_EQ(tokens->holders()[0].name, "token-1");
  EXPECT_EQ(tokens->holders()[0].limits, ClientLimits{});
  EXPECT_EQ(tokens->holders()[tokens->find(kSecondToken) - 1].name, "reports");
  EXPECT_EQ(tokens->holders()[1].limits, (ClientLimits{8, 100'000'000}));
  EXPECT_EQ(tokens->holders()[2].name, "token-3");
  EXPECT_EQ(tokens->holders()[2].limits, (ClientLimits{0, 0}));
}

TEST(Tokens, AFaultBehindATokenNamesTheLineAndShowsNothing) {
  for (const char* words :
       {"name=", "name=secret name=secret2", "name=secr\xC3\xBCt", "misses=", "misses=-1",
        "misses=secret", "misses=1 misses=1", "bandwidth=", "bandwidth=secret", "secret",
        "bandwidth=1 bandwidth=1", "# secret", "Name=secret"}) {
    const auto tokens = Tokens::parse(std::string("#\n") + kToken + " " + words + "\n");
    ASSERT_FALSE(tokens) << words;
    EXPECT_EQ(tokens.error().kind(), ErrorKind::kBadRequest);
    EXPECT_THAT(tokens.error().message(), HasSubstr("line 2"));
    EXPECT_THAT(tokens.error().message(), Not(HasSubstr("secr")));
  }
  const std::string longest(Tokens::kNameBytesMax, 'n');
  EXPECT_TRUE(Tokens::parse(std::string(kToken) + " name=" + longest));
  EXPECT_FALSE(Tokens::parse(std::string(kToken) + " name=" + longest + "n"));
}

TEST(Tokens, NamesAreUnique) {
  const std::string one = std::string(kToken) + " name=";
  const std::string other = std::string("\n") + kSecondToken;
  EXPECT_TRUE(Tokens::parse(one + "a" + other + " name=b"));
  EXPECT_THAT(Tokens::parse(one + "a" + other + " name=a").error().message(), HasSubstr("twice"));
  EXPECT_THAT(Tokens::parse(one + "token-2" + other).error().message(), HasSubstr("token-2"));
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
