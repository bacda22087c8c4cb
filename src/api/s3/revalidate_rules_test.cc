#include "api/s3/revalidate_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

RevalidateRules rules(std::initializer_list<const char*> texts) {
  std::vector<RevalidateRule> parsed;
  for (const char* text : texts) {
    Result<RevalidateRule> rule = RevalidateRule::parse(text);
    EXPECT_TRUE(rule) << text;
    if (rule) parsed.push_back(std::move(*rule));
  }
  return RevalidateRules(std::move(parsed));
}

TEST(RevalidateRules, TheFirstThatMatchesDecides) {
  const RevalidateRules all =
      rules({"logs/2026/*=never", "logs/*.tmp=always", "logs=60", "data-?=never", "*=7"});
  EXPECT_EQ(all.of("logs", "2026/a.tmp"), GoodFor::ever());
  EXPECT_EQ(all.of("logs", "2025/a.tmp"), GoodFor::one_request());
  EXPECT_EQ(all.of("logs", "2025/a"), GoodFor{60s});
  EXPECT_EQ(all.of("data-1", "2026/a"), GoodFor::ever());
  EXPECT_EQ(all.of("data-12", "2026/a"), GoodFor{7s});
}

TEST(RevalidateRules, WithoutARuleThatMatchesTheDefaultDoes) {
  EXPECT_EQ(rules({}).of("b", "k"), GoodFor{5s});
  EXPECT_EQ(rules({"a=never"}).of("b", "k"), GoodFor{5s});
}

TEST(RevalidateRules, AStarInAKeyPassesOverSlashesAndABucketHasNone) {
  const RevalidateRules all = rules({"b/a*z=never", "*/x=always"});
  EXPECT_EQ(all.of("b", "a/b/z"), GoodFor::ever());
  EXPECT_EQ(all.of("c", "x"), GoodFor::one_request());
  EXPECT_EQ(all.of("c", "y/x"), GoodFor{5s});
}

TEST(RevalidateRules, KeysMayHaveSlashesAndEqualsSigns) {
  EXPECT_EQ(rules({"b/year=2026/*=never"}).of("b", "year=2026/m=1"), GoodFor::ever());
  EXPECT_EQ(rules({"b//a=never"}).of("b", "/a"), GoodFor::ever());
}

TEST(RevalidateRule, ItsTextIsParsedToTheSame) {
  for (const char* text : {"*=5", "b/k*=never", "b-?=always", "b=31536000", "b/a=b=1"}) {
    const Result<RevalidateRule> rule = RevalidateRule::parse(text);
    ASSERT_TRUE(rule) << text;
    EXPECT_EQ(rule->text(), text);
  }
}

TEST(RevalidateRule, SaysWhatIsWrong) {
  const std::string long_glob(BucketGlob::kBytesWithoutStarsMax + 1, 'a');
  const std::pair<std::string, const char*> faults[] = {
      {"", "must be BUCKETGLOB=POLICY"},
      {"b", "must be BUCKETGLOB=POLICY"},
      {"=5", "the bucket's glob must not be empty"},
      {"/k=5", "the bucket's glob must not be empty"},
      {"b/=5", "the key's glob must not be empty"},
      {"b\n=5", "the bucket's glob may have letters"},
      {"s3://b/k=5", "no s3:"},
      {"b b=5", "the bucket's glob may have letters"},
      {"b/\n=5", "the key's glob must be UTF-8"},
      {"b/" + long_glob + "=5", "the key's glob must be at most"},
      {long_glob + "=5", "the bucket's glob must be at most"},
      {"b=", "never, always or whole seconds"},
      {"b=0", "from 1 to 31536000"},
      {"b=31536001", "from 1 to 31536000"},
      {"b=1.5", "whole seconds"},
      {"b=-1", "whole seconds"},
      {"b=5s", "whole seconds"},
      {"b= 5", "whole seconds"},
      {"b=Never", "whole seconds"},
      {"b=99999999999999999999999", "whole seconds"},
      {"a=never,b=always", "one value takes one policy"},
      {"a,b=always", "one value takes one policy"},
  };
  for (const auto& [text, what] : faults) {
    const Result<RevalidateRule> rule = RevalidateRule::parse(text);
    ASSERT_FALSE(rule) << text;
    EXPECT_THAT(rule.error().message(), HasSubstr(what)) << text;
  }
}

}  // namespace
}  // namespace cachey::api::s3
