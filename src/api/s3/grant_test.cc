#include "api/s3/grant.h"

#include <gtest/gtest.h>

namespace cachey::api::s3 {
namespace {

Grant make(std::string_view glob, std::string prefix) {
  std::vector<BucketGlob> globs;
  if (!glob.empty()) globs.push_back(BucketGlob::parse(glob).value());
  return {std::move(globs), std::move(prefix)};
}

TEST(Grant, OfAnOpenEndpointIsAll) {
  EXPECT_TRUE(Grant().allows("data", "a/x"));
  EXPECT_TRUE(Grant().allows_list("data", ""));
}

TEST(Grant, HoldsForTheBucketsThatMatch) {
  const Grant grant = make("data-*", "");
  EXPECT_TRUE(grant.allows("data-1", "x"));
  EXPECT_FALSE(grant.allows("logs", "x"));
}

TEST(Grant, HoldsForKeysAndListsBelowThePrefix) {
  const Grant grant = make("", "a/");
  EXPECT_TRUE(grant.allows("data", "a/x"));
  EXPECT_FALSE(grant.allows("data", "a"));
  EXPECT_TRUE(grant.allows_list("data", "a/"));
  EXPECT_FALSE(grant.allows_list("data", ""));
  EXPECT_TRUE(grant.allows_bucket("data"));
}

TEST(Grant, WithLimitsHasNoKeysThatAStoreMayReadAsOthers) {
  EXPECT_FALSE(make("", "a/").allows("data", "a/../b/x"));
  EXPECT_FALSE(make("data", "").allows("data", "../logs/x"));
  EXPECT_TRUE(make("data", "").allows("data", "a..b/.x"));
  EXPECT_TRUE(Grant().allows("data", "a/../b"));
}

TEST(Grant, OfOperations) {
  const Grant grant = make("data", "a/");
  const auto allows = [&grant](Operation operation, std::string bucket, std::string key,
                               std::vector<aws::NamedValue> parameters = {}) {
    return grant.allows(
        Target{operation, std::move(bucket), std::move(key), std::move(parameters)});
  };
  using enum Operation;
  EXPECT_TRUE(allows(kOther, "", ""));
  EXPECT_TRUE(allows(kListBuckets, "", ""));
  for (const Operation of_object : {kGetObject, kHeadObject, kGetPart, kHeadPart, kGetVersion,
                                    kHeadVersion, kGetObjectAcl, kGetObjectTagging, kOtherRead}) {
    EXPECT_TRUE(allows(of_object, "data", "a/x")) << to_string(of_object);
    EXPECT_FALSE(allows(of_object, "data", "b/x")) << to_string(of_object);
    EXPECT_FALSE(allows(of_object, "logs", "a/x")) << to_string(of_object);
  }
  for (const Operation of_bucket :
       {kHeadBucket, kGetBucketLocation, kGetBucketVersioning, kOtherRead}) {
    EXPECT_TRUE(allows(of_bucket, "data", "")) << to_string(of_bucket);
    EXPECT_FALSE(allows(of_bucket, "logs", "")) << to_string(of_bucket);
  }
  for (const Operation list : {kListObjects, kListObjectsV2, kListObjectVersions}) {
    EXPECT_TRUE(allows(list, "data", "", {{"prefix", "a/"}, {"delimiter", "/"}}));
    EXPECT_TRUE(allows(list, "data", "", {{"prefix", "a/b"}}));
    EXPECT_FALSE(allows(list, "logs", "", {{"prefix", "a/"}}));
    EXPECT_FALSE(allows(list, "data", ""));
    EXPECT_FALSE(allows(list, "data", "", {{"prefix", ""}}));
    EXPECT_FALSE(allows(list, "data", "", {{"prefix", "a"}}));
    EXPECT_FALSE(allows(list, "data", "", {{"prefix", "a/"}, {"prefix", "b/"}}));
    EXPECT_FALSE(allows(list, "data", "", {{"prefix", "b/"}, {"prefix", "a/"}}));
  }
}

}  // namespace
}  // namespace cachey::api::s3
