#include "api/names.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::api {
namespace {

TEST(Names, SayTheBrokenRule) {
  const auto fault = [](std::string_view name) {
    const Result<void> checked = check_kind_name("kind", name);
    return checked ? std::string() : checked.error().message();
  };
  EXPECT_EQ(fault("k"), "");
  EXPECT_EQ(fault(std::string(64, 'k')), "");
  EXPECT_EQ(fault(""), "kind: must not be empty");
  EXPECT_EQ(fault(std::string(65, 'k')), "kind: must be at most 64 bytes");
  EXPECT_EQ(fault("\xff"), "kind: must be UTF-8");
  EXPECT_EQ(fault("a\xC2\x85"), "kind: must not have control characters");
}

TEST(Names, ABucketMayBeAnArn) {
  EXPECT_TRUE(check_bucket_name("bucket", std::string(255, 'b')));
  EXPECT_EQ(check_bucket_name("bucket", std::string(256, 'b')).error().message(),
            "bucket: must be at most 255 bytes");
  EXPECT_EQ(check_bucket_name("bucket", "").error().message(), "bucket: must not be empty");
}

TEST(Names, ADotSegmentIsAWholeSegment) {
  for (const char* key : {".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "/..", "../"})
    EXPECT_TRUE(has_dot_segment(key)) << key;
  for (const char* key : {"", "a", "...", ".a", "a.", "..a", "a..", "a//b", "/", ".../a", "a/.b/c"})
    EXPECT_FALSE(has_dot_segment(key)) << key;
}

}  // namespace
}  // namespace cachey::api
