#include "api/bucket_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cachey::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

BucketRules rules(std::vector<const char*> globs, std::vector<const char*> kinds,
                  OtherKinds others = OtherKinds::kAny) {
  std::vector<BucketGlob> allowed;
  for (const char* text : globs) allowed.push_back(*BucketGlob::parse(text));
  std::vector<DeclaredKind> declared;
  for (const char* text : kinds) declared.push_back(*DeclaredKind::parse(text));
  return {std::move(allowed), std::move(declared), others};
}

std::vector<std::string> own_buckets(const BucketRules& rules, std::string_view kind) {
  std::vector<std::string> buckets;
  rules.add_buckets_of(kind, buckets);
  return buckets;
}

TEST(DeclaredKind, IsParsedAndWritten) {
  for (const char* text : {"k=b", "media=eu,us", "a b=c=d"}) {
    const auto kind = DeclaredKind::parse(text);
    ASSERT_TRUE(kind) << text;
    EXPECT_EQ(kind->text(), text);
  }
  EXPECT_EQ(DeclaredKind::parse("media=eu,us")->name, "media");
  EXPECT_THAT(DeclaredKind::parse("media=eu,us")->buckets, ElementsAre("eu", "us"));
  EXPECT_THAT(DeclaredKind::parse("a=c=d")->buckets, ElementsAre("c=d"));
}

TEST(DeclaredKind, NamesTheBrokenRule) {
  struct Row {
    std::string text;
    const char* fault;
  };
  std::string many = "k=b0";
  for (size_t i = 1; i < DeclaredKind::kBucketsMax; ++i) many += ",b" + std::to_string(i);
  EXPECT_TRUE(DeclaredKind::parse(many));
  const Row table[] = {
      {"", "NAME=BUCKET"},
      {"k", "NAME=BUCKET"},
      {"=b", "kind: must not be empty"},
      {std::string(65, 'k') + "=b", "kind: must be at most 64 bytes"},
      {"k=", "bucket: must not be empty"},
      {"k=,b", "bucket: must not be empty"},
      {"k=b,", "bucket: must not be empty"},
      {"k=a,,b", "bucket: must not be empty"},
      {"k=" + std::string(256, 'b'), "bucket: must be at most 255 bytes"},
      {"k=\x7f", "bucket: must not have control characters"},
      {"k=a,b,a", "names a bucket twice"},
      {many + ",one-more", "names more than 16 buckets"},
  };
  for (const Row& row : table) {
    const auto kind = DeclaredKind::parse(row.text);
    ASSERT_FALSE(kind) << row.text;
    EXPECT_EQ(kind.error().kind(), ErrorKind::kBadRequest) << row.text;
    EXPECT_THAT(kind.error().message(), HasSubstr(row.fault)) << row.text;
  }
}

TEST(BucketRules, WithoutRulesEachKindHasEachBucket) {
  EXPECT_TRUE(BucketRules().empty());
  EXPECT_FALSE(BucketRules().limit_names());
  EXPECT_EQ(BucketRules().denial("k", "b"), std::nullopt);
  EXPECT_THAT(own_buckets(BucketRules(), "k"), ElementsAre("k"));
}

TEST(BucketRules, ADeclaredKindHasTheDeclaredBucketsOnly) {
  const BucketRules only = rules({}, {"media=eu,us"});
  EXPECT_FALSE(only.empty());
  EXPECT_FALSE(only.limit_names());
  EXPECT_THAT(own_buckets(only, "media"), ElementsAre("eu", "us"));
  EXPECT_EQ(only.denial("media", "eu"), std::nullopt);
  EXPECT_EQ(only.denial("media", "us"), std::nullopt);
  EXPECT_EQ(only.denial("media", "media"), BucketDenial::kKindBucket);
  EXPECT_EQ(only.denial("medi", "eu"), std::nullopt) << "other kinds are as without rules";
  EXPECT_THAT(own_buckets(only, "other"), ElementsAre("other"));
}

TEST(BucketRules, OtherKindsMayBeRefused) {
  const BucketRules strict = rules({}, {"media=eu"}, OtherKinds::kRefused);
  EXPECT_EQ(strict.denial("media", "eu"), std::nullopt);
  EXPECT_EQ(strict.denial("eu", "eu"), BucketDenial::kKind);
  EXPECT_FALSE(rules({}, {}, OtherKinds::kRefused).empty());
  EXPECT_TRUE(rules({}, {}, OtherKinds::kRefused).limit_names());
}

TEST(BucketRules, PatternsAreForKindsWithoutADeclaration) {
  const BucketRules both = rules({"prod", "logs-*"}, {"prod=prod"});
  EXPECT_EQ(both.denial("prod", "prod"), std::nullopt);
  EXPECT_EQ(both.denial("prod", "logs-evil"), BucketDenial::kKindBucket);
  EXPECT_EQ(both.denial("logs", "logs-evil"), std::nullopt);
  EXPECT_EQ(both.denial("logs", "secret"), BucketDenial::kBucket);
  EXPECT_FALSE(both.limit_names()) << "a client can make up logs-1, logs-2";
}

TEST(BucketRules, PatternsAreReplacedInAllCopies) {
  BucketRules rules_here = rules({"logs-*", "prod"}, {"prod=prod"});
  const BucketRules copy = rules_here;
  EXPECT_THAT(copy.allowed(), ElementsAre("logs-*", "prod"));
  EXPECT_TRUE(rules_here.replace_allowed({*BucketGlob::parse("p*")}));
  EXPECT_EQ(copy.denial("k", "logs-a"), BucketDenial::kBucket);
  EXPECT_EQ(copy.denial("k", "public"), std::nullopt);
  EXPECT_EQ(copy.denial("prod", "prod"), std::nullopt);
  EXPECT_EQ(copy.declared_but_not_by({*BucketGlob::parse("q")}), "prod");
  EXPECT_EQ(copy.declared_but_not_by({*BucketGlob::parse("pro?")}), std::nullopt);
  EXPECT_EQ(copy.declared_but_not_by({}), std::nullopt);

  BucketRules open;
  const BucketRules open_copy = open;
  EXPECT_TRUE(open.replace_allowed({*BucketGlob::parse("a")}));
  EXPECT_FALSE(open_copy.empty());
  EXPECT_TRUE(open_copy.limit_names());
  EXPECT_EQ(open_copy.denial("k", "b"), BucketDenial::kBucket);
  EXPECT_TRUE(open.replace_allowed({}));
  EXPECT_TRUE(open_copy.empty());
  EXPECT_TRUE(open.replace_allowed({*BucketGlob::parse("*")}));
  EXPECT_FALSE(open_copy.limit_names());
  EXPECT_EQ(open_copy.denial("k", "b"), std::nullopt);
}

TEST(BucketRules, PatternsAreReplacedABoundedNumberOfTimes) {
  BucketRules one;
  for (size_t i = 0; i < BucketRules::kReplacedMax; ++i) EXPECT_TRUE(one.replace_allowed({}));
  EXPECT_FALSE(one.replace_allowed({*BucketGlob::parse("a")}));
  EXPECT_TRUE(one.empty());
}

}  // namespace
}  // namespace cachey::api
