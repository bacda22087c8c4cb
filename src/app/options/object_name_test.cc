#include "app/options/object_name.h"

#include <gtest/gtest.h>

namespace cachey::app {
namespace {

TEST(ObjectName, IsABucketAndAKey) {
  const auto name = parse_object_name("bucket/a/b");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->bucket, "bucket");
  EXPECT_EQ(name->key, "a/b");
  EXPECT_EQ(parse_object_name("b//")->key, "/");
  const auto url = parse_object_name("s3://lake/day=1/t.parquet");
  EXPECT_EQ(url->bucket, "lake");
  EXPECT_EQ(url->key, "day=1/t.parquet");
  for (const char* bad :
       {"", "/", "bucket", "bucket/", "/key", "s3://", "s3://bucket", "s3:///key"})
    EXPECT_FALSE(parse_object_name(bad).has_value()) << bad;
}

}  // namespace
}  // namespace cachey::app
