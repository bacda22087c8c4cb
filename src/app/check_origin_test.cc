#include "app/check_origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::app {
namespace {

using ::testing::HasSubstr;

TEST(CheckOrigin, NamesAreABucketAndAKey) {
  const auto name = parse_object_name("bucket/a/b");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->bucket, "bucket");
  EXPECT_EQ(name->key, "a/b");
  EXPECT_EQ(parse_object_name("b//")->key, "/");
  for (const char* bad : {"", "/", "bucket", "bucket/", "/key"})
    EXPECT_FALSE(parse_object_name(bad).has_value()) << bad;
}

TEST(CheckOrigin, CommonFailuresHaveAHint) {
  const auto hint = [](const std::string& text) {
    return hint_for(Error(ErrorKind::kUpstream, text));
  };
  EXPECT_THAT(hint("no credentials: environment: ..."), HasSubstr("AWS_ACCESS_KEY_ID"));
  EXPECT_THAT(hint("the origin answered 403 \"SignatureDoesNotMatch\""), HasSubstr("secret"));
  EXPECT_THAT(hint("the origin answered 403 \"RequestTimeTooSkewed\""), HasSubstr("clock"));
  EXPECT_THAT(hint("the origin answered 404 \"NoSuchBucket\""), HasSubstr("bucket"));
  EXPECT_THAT(hint("the origin answered 301 \"PermanentRedirect\""), HasSubstr("AWS_REGION"));
  EXPECT_THAT(hint("the origin answered 403 \"AccessDenied\""), HasSubstr("s3:GetObject"));
  EXPECT_THAT(hint("the certificate of \"x\" is not accepted"), HasSubstr("SSL_CERT_FILE"));
  EXPECT_THAT(hint("cannot connect to 127.0.0.1 port 1: Connection refused"), HasSubstr("listens"));
  EXPECT_THAT(hint("cannot look up \"x\": unknown"), HasSubstr("host name"));
  EXPECT_EQ(hint("something else"), "");
  EXPECT_THAT(hint_for(Error(ErrorKind::kTimeout, "no answer in time")), HasSubstr("proxy"));
}

}  // namespace
}  // namespace cachey::app
