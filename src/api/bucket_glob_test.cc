#include "api/bucket_glob.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace cachey::api {
namespace {

bool matches(std::string_view glob, std::string_view bucket) {
  return BucketGlob::parse(glob)->matches(bucket);
}

TEST(BucketGlob, MatchesTheWholeName) {
  struct Row {
    const char* glob;
    const char* bucket;
    bool matches;
  };
  static constexpr Row kTable[] = {
      {"logs", "logs", true},
      {"logs", "log", false},
      {"logs", "logs2", false},
      {"logs", "LOGS", false},
      {"logs", "", false},
      {"*", "", true},
      {"*", "anything", true},
      {"logs-*", "logs-", true},
      {"logs-*", "logs-2024", true},
      {"logs-*", "log-2024", false},
      {"*-eu", "logs-eu", true},
      {"*-eu", "logs-eu2", false},
      {"a*b*c", "abc", true},
      {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "acb", false},
      {"?", "a", true},
      {"?", "", false},
      {"?", "ab", false},
      {"a??", "abc", true},
      {"**", "x", true},
      {"*?", "", false},
      {"*?", "x", true},
      {"a**b", "ab", true},
      {"*a", "aaab", false},
      {"*aab", "aaaab", true},
      {"??", "\xC3\xBC", true},
      {"[ab]", "a", false},
      {"[ab]", "[ab]", true},
      {"a.b", "axb", false},
      {"\\*", "\\x", true},
  };
  for (const Row& row : kTable) {
    EXPECT_EQ(matches(row.glob, row.bucket), row.matches) << row.glob << " " << row.bucket;
  }
}

/// The definition: plain and slow.
bool by_definition(std::string_view glob, std::string_view name) {
  if (glob.empty()) return name.empty();
  if (glob.front() == '*') {
    return by_definition(glob.substr(1), name) ||
           (!name.empty() && by_definition(glob, name.substr(1)));
  }
  return !name.empty() && (glob.front() == '?' || glob.front() == name.front()) &&
         by_definition(glob.substr(1), name.substr(1));
}

TEST(BucketGlob, AgreesWithTheDefinition) {
  std::mt19937 random(7);
  const auto text = [&random](std::string_view alphabet, size_t bytes_max) {
    std::string made;
    for (size_t bytes = random() % (bytes_max + 1); bytes > 0; --bytes) {
      made += alphabet[random() % alphabet.size()];
    }
    return made;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string glob = "*?ab"[random() % 4] + text("*?ab", 6);
    const std::string name = text("ab", 8);
    ASSERT_EQ(matches(glob, name), by_definition(glob, name)) << glob << " " << name;
  }
}

bool covers(std::string_view glob, std::string_view other) {
  return BucketGlob::parse(glob)->covers(other);
}

TEST(BucketGlob, CoversNarrowerPatterns) {
  EXPECT_TRUE(covers("a", "a"));
  EXPECT_TRUE(covers("a*", "a"));
  EXPECT_TRUE(covers("a*", "a-*"));
  EXPECT_TRUE(covers("*", "**?"));
  EXPECT_TRUE(covers("*-logs", "eu-*-logs"));
  EXPECT_TRUE(covers("a?", "a?"));
  EXPECT_TRUE(covers("a?*", "a?*"));
  EXPECT_FALSE(covers("a", "a*"));
  EXPECT_FALSE(covers("a?", "a*"));
  EXPECT_FALSE(covers("a", "a?"));
  EXPECT_FALSE(covers("a*", "b"));
}

TEST(BucketGlob, WhatIsCoveredIsMatched) {
  const std::vector<std::string> patterns = {"*", "?", "a", "a*", "*a", "?*", "a?", "a*b", "*?*b"};
  const std::vector<std::string> names = {"a", "b", "aa", "ab", "ba", "aab", "bab", "abab"};
  for (const std::string& glob : patterns) {
    for (const std::string& other : patterns) {
      if (!covers(glob, other)) continue;
      for (const std::string& name : names)
        EXPECT_TRUE(matches(glob, name) || !matches(other, name)) << glob << " " << other;
    }
  }
}

TEST(BucketGlob, TakesTheLongestThatItSays) {
  std::string glob(BucketGlob::kBytesWithoutStarsMax, 'a');
  EXPECT_TRUE(matches(glob, glob));
  EXPECT_FALSE(matches(glob, glob.substr(1)));
  EXPECT_TRUE(BucketGlob::parse(glob + std::string(BucketGlob::kBytesWithoutStarsMax, '*')));
  EXPECT_TRUE(matches(glob + "*", glob + "a"));
  EXPECT_TRUE(matches("arn:aws:s3:*:accesspoint/" + std::string(50, '?'),
                      "arn:aws:s3:us-gov-west-1:210987654321:accesspoint/" + std::string(50, 'p')));
}

TEST(BucketGlob, RefusesWhatIsNoPattern) {
  for (const std::string& text :
       {std::string(), std::string(BucketGlob::kBytesWithoutStarsMax + 1, 'a'),
        std::string(BucketGlob::kBytesMax + 1, '*'), std::string("a\nb"), std::string("\xff")}) {
    const auto glob = BucketGlob::parse(text);
    ASSERT_FALSE(glob) << text;
    EXPECT_EQ(glob.error().kind(), ErrorKind::kBadRequest);
  }
}

}  // namespace
}  // namespace cachey::api
