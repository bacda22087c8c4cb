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
  for (const char* bad : {"", "/", "bucket", "bucket/", "/key"})
    EXPECT_FALSE(parse_object_name(bad).has_value()) << bad;
}

}  // namespace
}  // namespace cachey::app
