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
  EXPECT_TRUE(Grant().allows_all_of("data"));
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
  EXPECT_FALSE(grant.allows_all_of("data"));
}

}  // namespace
}  // namespace cachey::api::s3
