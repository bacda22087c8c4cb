#include "aws/object_path.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::aws {
namespace {

TEST(ObjectPath, WhatIsEncodedIsDecoded) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  for (const std::string& key :
       {std::string("k"), std::string("a/.././/b.txt"), std::string("//"), std::string("a+b c%2Fd"),
        std::string("\u00fcber/~!*'()@:,;&$.\u65e5\U0001f600"), all, std::string(1024, 'x')}) {
    EXPECT_EQ(parse_object_path(object_path("", "my-bucket", key)), BucketAndKey("my-bucket", key));
    EXPECT_EQ(parse_object_key(object_path("", "", key)), key);
  }
}

TEST(ObjectPath, OnlyTheFirstSlashEndsTheBucket) {
  EXPECT_EQ(parse_object_path("/"), BucketAndKey("", ""));
  EXPECT_EQ(parse_object_path("/bkt"), BucketAndKey("bkt", ""));
  EXPECT_EQ(parse_object_path("/bkt/"), BucketAndKey("bkt", ""));
  EXPECT_EQ(parse_object_path("/bkt//"), BucketAndKey("bkt", "/"));
  EXPECT_EQ(parse_object_path("/bkt/a/../b"), BucketAndKey("bkt", "a/../b"));
  EXPECT_EQ(parse_object_path("//k"), BucketAndKey("", "k"));
}

TEST(ObjectPath, PathsWithOneSignatureAreOneObject) {
  for (const char* path : {"/bkt/a/b", "/bkt%2Fa/b", "/bkt/a%2fb", "/bkt%2Fa%2Fb", "/%62kt/a/b"})
    EXPECT_EQ(parse_object_path(path), BucketAndKey("bkt", "a/b")) << path;
  EXPECT_EQ(parse_object_path("/%2Fk"), parse_object_path("//k"));
  EXPECT_EQ(parse_object_path("/bkt%2F" + std::string(1025, 'x')).error(), PathFault::kKeyTooLong);
}

TEST(ObjectPath, EscapesAreDecodedOnceAndAPlusIsAPlus) {
  EXPECT_EQ(parse_object_path("/bkt/a%2fb%2Bc+d%2541"), BucketAndKey("bkt", "a/b+c+d%41"));
}

TEST(ObjectPath, WhatNoKeyCanBeIsRefused) {
  const auto fault = [](std::string_view path) { return parse_object_path(path).error(); };
  EXPECT_EQ(fault(""), PathFault::kNotAbsolute);
  EXPECT_EQ(fault("bkt/k"), PathFault::kNotAbsolute);
  EXPECT_EQ(fault("*"), PathFault::kNotAbsolute);
  EXPECT_EQ(fault("/bkt/a%"), PathFault::kBadEscape);
  EXPECT_EQ(fault("/bkt/a%4"), PathFault::kBadEscape);
  EXPECT_EQ(fault("/bkt/a%zz"), PathFault::kBadEscape);
  EXPECT_EQ(fault("/b%kt/a"), PathFault::kBadEscape);
  EXPECT_EQ(fault("/bkt/a%00b"), PathFault::kNul);
  EXPECT_EQ(fault("/bkt/%FF"), PathFault::kNotUtf8);
  EXPECT_EQ(fault("/bkt/%C0%AF"), PathFault::kNotUtf8);
  EXPECT_EQ(fault("/bkt/" + std::string(1025, 'x')), PathFault::kKeyTooLong);
  EXPECT_EQ(parse_object_key("k").error(), PathFault::kNotAbsolute);
  EXPECT_EQ(parse_object_key("/" + std::string(1025, 'x')).error(), PathFault::kKeyTooLong);
}

}  // namespace
}  // namespace cachey::aws
