#include "app/origin_hint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachey::app {
namespace {

using ::testing::HasSubstr;

TEST(OriginHint, EveryKnownCauseHasAHint) {
  const auto hint = [](ErrorCause cause) {
    return hint_for(Error(ErrorKind::kUpstream, "text", cause), Addressing::kUsual);
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
  EXPECT_THAT(hint_for(Error(ErrorKind::kTimeout, "no answer in time"), Addressing::kUsual),
              HasSubstr("proxy"));
  EXPECT_THAT(
      hint_for(Error(ErrorKind::kTimeout, "", ErrorCause::kTlsHandshake), Addressing::kUsual),
      HasSubstr("TLS"));
}

TEST(OriginHint, AStoreOfOnesOwnMayWantPathStyle) {
  const auto hint = [](ErrorCause cause) {
    return hint_for(Error(ErrorKind::kUpstream, "text", cause), Addressing::kOwnHostNames);
  };
  for (const ErrorCause cause :
       {ErrorCause::kNoSuchBucket, ErrorCause::kNoSuchKey, ErrorCause::kUnknownHost,
        ErrorCause::kUnknown, ErrorCause::kAccessDenied, ErrorCause::kUnusableAnswer}) {
    EXPECT_THAT(hint(cause), HasSubstr("--s3-force-path-style")) << static_cast<int>(cause);
  }
  EXPECT_THAT(hint(ErrorCause::kNoSuchBucket), HasSubstr("no such bucket"));
  for (const ErrorCause cause : {ErrorCause::kNoCredentials, ErrorCause::kClockSkew,
                                 ErrorCause::kUnknownAccessKey, ErrorCause::kNoRegion}) {
    EXPECT_EQ(hint(cause),
              hint_for(Error(ErrorKind::kUpstream, "text", cause), Addressing::kUsual));
  }
}

}  // namespace
}  // namespace cachey::app
