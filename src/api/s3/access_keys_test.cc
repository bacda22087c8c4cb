#include "api/s3/access_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachey::api::s3 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "a/secret+of=32-characters-or-so/";

TEST(AccessKeys, AreReadWithTheirLimits) {
  const auto keys = AccessKeys::parse(
      "\xEF\xBB\xBF# readers\n\n  AKIA1  a/secret+of=32-characters-or-so/ \t\r\n"
      "team/b 0123456789abcdef prefix=a%20b/ buckets=data-*,logs write\n"
      "AKIA3\t0123456789abcdef\tbuckets=logs");
  ASSERT_TRUE(keys) << keys.error().message();
  EXPECT_EQ(keys->size(), 3u);
  EXPECT_EQ(keys->writers(), 1u);
  const auto all = keys->find("AKIA1");
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(all->credentials.secret_access_key(), kSecret);
  EXPECT_EQ(all->grant.access_key_id(), "AKIA1");
  EXPECT_TRUE(all->grant.allows_list("data", ""));
  const auto some = keys->find("team/b");
  ASSERT_NE(some, nullptr);
  EXPECT_TRUE(some->grant.allows("data-1", "a b/x"));
  EXPECT_TRUE(some->grant.allows("logs", "a b/x"));
  EXPECT_FALSE(some->grant.allows("logs", "a/x"));
  EXPECT_FALSE(some->grant.allows("other", "a b/x"));
  EXPECT_EQ(keys->find("AKIA"), nullptr);
  EXPECT_EQ(keys->find(""), nullptr);
}

TEST(AccessKeys, FaultsNameTheLineAndNotItsContents) {
  const std::string good = "AKIA1 0123456789abcdef\n";
  const auto fault = [&good](const std::string& line) {
    const auto keys = AccessKeys::parse(good + line);
    EXPECT_FALSE(keys) << line;
    if (keys) return std::string();
    EXPECT_EQ(keys.error().kind(), ErrorKind::kBadRequest);
    EXPECT_THAT(keys.error().message(), Not(HasSubstr("ABC")));
    EXPECT_THAT(keys.error().message(), Not(HasSubstr("012345")));
    return keys.error().message();
  };
  for (const std::string line :
       {"ABC", "AB 0123456789abcdef", "ABC 0123456789abcde", "ABC,D 0123456789abcdef",
        "AB\x01 0123456789abcdef", "ABC 0123456789abcde\xC3\xBC", "ABC 0123456789abcdef more",
        "ABC 0123456789abcdef buckets=", "ABC 0123456789abcdef buckets=a,,b",
        "ABC 0123456789abcdef buckets=a buckets=b", "ABC 0123456789abcdef prefix=",
        "ABC 0123456789abcdef prefix=%zz", "ABC 0123456789abcdef prefix=%00",
        "ABC 0123456789abcdef prefix=a prefix=b", "ABC 0123456789abcdef prefix=%ff",
        "ABC 0123456789abcdef Write", "ABC 0123456789abcdef bucket=a",
        "ABC 0123456789abcdef buckets=a, b", "AKIA1 0123456789abcdefg"}) {
    EXPECT_THAT(fault(line), HasSubstr("line 2: ")) << line;
  }
  EXPECT_THAT(fault(std::string(129, 'A') + " 0123456789abcdef"), HasSubstr("line 2: "));
  EXPECT_THAT(fault("ABC 0123456789abcdef prefix=" + std::string(1025, 'p')),
              HasSubstr("line 2: "));
  EXPECT_THAT(AccessKeys::parse("# none\n\n").error().message(), HasSubstr("no key"));
  EXPECT_THAT(AccessKeys::parse("").error().message(), HasSubstr("no key"));
}

TEST(AccessKeys, AreBounded) {
  std::string lines;
  for (size_t i = 0; i < AccessKeys::kLinesMax; ++i)
    lines += "KEY" + std::to_string(i) + " 0123456789abcdef\n";
  EXPECT_TRUE(AccessKeys::parse(lines));
  EXPECT_THAT(AccessKeys::parse(lines + "\n#\n").error().message(), HasSubstr("lines"));
  EXPECT_THAT(AccessKeys::parse(std::string(AccessKeys::kTextBytesMax + 1, '\n')).error().message(),
              HasSubstr("bytes"));
  std::string globs = "KEY 0123456789abcdef buckets=a";
  for (size_t i = 1; i < AccessKeys::kGlobsMax; ++i) globs += ",a";
  EXPECT_TRUE(AccessKeys::parse(globs));
  EXPECT_THAT(AccessKeys::parse(globs + ",a").error().message(), HasSubstr("patterns"));
}

}  // namespace
}  // namespace cachey::api::s3
