#include "app/origin_hint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachey::app {
namespace {

using ::testing::HasSubstr;

TEST(OriginHint, EveryKnownCauseHasAHint) {
  const auto hint = [](ErrorCause cause) {
    return std::string(hint_for(Error(ErrorKind::kUpstream, "text", cause)));
  };
  EXPECT_THAT(hint(ErrorCause::kNoCredentials), HasSubstr("AWS_ACCESS_KEY_ID"));
  EXPECT_THAT(hint(ErrorCause::kBadSignature), HasSubstr("secret"));
  EXPECT_THAT(hint(ErrorCause::kClockSkew), HasSubstr("clock"));
  EXPECT_THAT(hint(ErrorCause::kNoSuchBucket), HasSubstr("bucket"));
  EXPECT_THAT(hint(ErrorCause::kWrongRegion), HasSubstr("AWS_REGION"));
  EXPECT_THAT(hint(ErrorCause::kAccessDenied), HasSubstr("s3:GetObject"));
  EXPECT_THAT(hint(ErrorCause::kCertificate), HasSubstr("SSL_CERT_FILE"));
  EXPECT_THAT(hint(ErrorCause::kConnectionRefused), HasSubstr("listens"));
  EXPECT_THAT(hint(ErrorCause::kUnknownHost), HasSubstr("host name"));
  EXPECT_EQ(hint(ErrorCause::kUnknown), "");
  for (auto cause = static_cast<int>(ErrorCause::kUnknown) + 1;
       cause <= static_cast<int>(ErrorCause::kUnusableAnswer); ++cause) {
    EXPECT_NE(hint(static_cast<ErrorCause>(cause)), "") << cause;
  }
}

TEST(OriginHint, SilenceHasAHintIfNoCauseIsKnown) {
  EXPECT_THAT(std::string(hint_for(Error(ErrorKind::kTimeout, "no answer in time"))),
              HasSubstr("proxy"));
  EXPECT_THAT(std::string(hint_for(Error(ErrorKind::kTimeout, "", ErrorCause::kTlsHandshake))),
              HasSubstr("TLS"));
}

}  // namespace
}  // namespace cachey::app
