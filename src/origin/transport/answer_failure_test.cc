#include "origin/transport/answer_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "aws/error_document.h"

namespace cachey::origin {
namespace {

struct Row {
  unsigned status;
  const char* code;
  ErrorKind kind;
  Retry retry;
};

constexpr Row kRows[] = {
    {404, "NoSuchKey", ErrorKind::kNotFound, Retry::kNever},
    {404, "NoSuchBucket", ErrorKind::kNotFound, Retry::kNever},
    {404, "", ErrorKind::kNotFound, Retry::kNever},
    {403, "AccessDenied", ErrorKind::kDenied, Retry::kNever},
    {403, "SignatureDoesNotMatch", ErrorKind::kRefused, Retry::kNever},
    {403, "RequestTimeTooSkewed", ErrorKind::kRefused, Retry::kNever},
    {403, "AuthorizationHeaderMalformed", ErrorKind::kRefused, Retry::kNever},
    {403, "InvalidClientTokenId", ErrorKind::kRefused, Retry::kNever},
    {403, "", ErrorKind::kDenied, Retry::kNever},
    {401, "", ErrorKind::kRefused, Retry::kNever},
    {400, "ExpiredToken", ErrorKind::kRefused, Retry::kNever},
    {403, "InvalidObjectState", ErrorKind::kArchived, Retry::kNever},
    {412, "PreconditionFailed", ErrorKind::kChanged, Retry::kNever},
    {412, "", ErrorKind::kChanged, Retry::kNever},
    {416, "InvalidRange", ErrorKind::kRangeNotSatisfiable, Retry::kNever},
    {416, "", ErrorKind::kRangeNotSatisfiable, Retry::kNever},
    {400, "InvalidRange", ErrorKind::kRangeNotSatisfiable, Retry::kNever},
    {502, "InvalidRange", ErrorKind::kUpstream, Retry::kTransient},
    {503, "SlowDown", ErrorKind::kThrottled, Retry::kThrottling},
    {403, "SlowDown", ErrorKind::kThrottled, Retry::kThrottling},
    {503, "SlowDownRead", ErrorKind::kThrottled, Retry::kThrottling},
    {400, "TooManyRequests", ErrorKind::kThrottled, Retry::kThrottling},
    {400, "Throttled", ErrorKind::kThrottled, Retry::kThrottling},
    {400, "ServiceUnavailable", ErrorKind::kThrottled, Retry::kTransient},
    {400, "ThrottlingException", ErrorKind::kThrottled, Retry::kThrottling},
    {429, "", ErrorKind::kThrottled, Retry::kThrottling},
    {503, "", ErrorKind::kThrottled, Retry::kTransient},
    {503, "ServiceUnavailable", ErrorKind::kThrottled, Retry::kTransient},
    {500, "InternalError", ErrorKind::kUpstream, Retry::kTransient},
    {500, "", ErrorKind::kUpstream, Retry::kTransient},
    {502, "", ErrorKind::kUpstream, Retry::kTransient},
    {504, "", ErrorKind::kUpstream, Retry::kTransient},
    {400, "RequestTimeout", ErrorKind::kUpstream, Retry::kTransient},
    {408, "", ErrorKind::kUpstream, Retry::kTransient},
    {425, "", ErrorKind::kUpstream, Retry::kTransient},
    {499, "", ErrorKind::kUpstream, Retry::kTransient},
    {498, "", ErrorKind::kRefused, Retry::kNever},
    {506, "", ErrorKind::kUpstream, Retry::kTransient},
    {521, "", ErrorKind::kUpstream, Retry::kTransient},
    {561, "", ErrorKind::kUpstream, Retry::kTransient},
    {599, "", ErrorKind::kUpstream, Retry::kTransient},
    {600, "", ErrorKind::kUpstream, Retry::kNever},
    {505, "", ErrorKind::kUpstream, Retry::kNever},
    {400, "BadRequest", ErrorKind::kRefused, Retry::kNever},
    {400, "InvalidRequest", ErrorKind::kRefused, Retry::kNever},
    {301, "PermanentRedirect", ErrorKind::kRefused, Retry::kNever},
    {405, "MethodNotAllowed", ErrorKind::kRefused, Retry::kNever},
    {407, "", ErrorKind::kRefused, Retry::kNever},
    {501, "NotImplemented", ErrorKind::kUpstream, Retry::kNever},
};

TEST(FailureOf, SortsAnswersByWhatToDo) {
  for (const Row& row : kRows) {
    ResponseHead head;
    head.status = row.status;
    aws::ErrorDocument document;
    document.code = row.code;
    const Failure failure = failure_of(head, document);
    EXPECT_EQ(failure.error.kind(), row.kind) << row.status << row.code;
    EXPECT_EQ(failure.retry, row.retry) << row.status << row.code;
  }
}

TEST(FailureOf, KnownCodesHaveACause) {
  const auto cause_of = [](unsigned status, const char* code) {
    ResponseHead head;
    head.status = status;
    aws::ErrorDocument document;
    document.code = code;
    return failure_of(head, document).error.cause();
  };
  EXPECT_EQ(cause_of(403, "InvalidAccessKeyId"), ErrorCause::kUnknownAccessKey);
  EXPECT_EQ(cause_of(403, "SignatureDoesNotMatch"), ErrorCause::kBadSignature);
  EXPECT_EQ(cause_of(403, "RequestTimeTooSkewed"), ErrorCause::kClockSkew);
  EXPECT_EQ(cause_of(400, "ExpiredToken"), ErrorCause::kExpiredToken);
  EXPECT_EQ(cause_of(400, "InvalidToken"), ErrorCause::kBadToken);
  EXPECT_EQ(cause_of(404, "NoSuchBucket"), ErrorCause::kNoSuchBucket);
  EXPECT_EQ(cause_of(404, "NoSuchKey"), ErrorCause::kNoSuchKey);
  EXPECT_EQ(cause_of(404, "NoSuchUser"), ErrorCause::kUnusableAnswer);
  EXPECT_EQ(cause_of(404, ""), ErrorCause::kUnknown);
  EXPECT_EQ(cause_of(301, "PermanentRedirect"), ErrorCause::kWrongRegion);
  EXPECT_EQ(cause_of(301, ""), ErrorCause::kWrongRegion);
  EXPECT_EQ(cause_of(400, "IllegalLocationConstraintException"), ErrorCause::kWrongRegion);
  EXPECT_EQ(cause_of(400, "AuthorizationHeaderMalformed"), ErrorCause::kRegionNotAccepted);
  EXPECT_EQ(cause_of(403, "AccessDenied"), ErrorCause::kAccessDenied);
  EXPECT_EQ(cause_of(403, ""), ErrorCause::kUnknown);
}

TEST(FailureOf, TakesTheSizeFromTheHeaderElseFromTheDocument) {
  ResponseHead head;
  head.status = 416;
  aws::ErrorDocument document;
  EXPECT_EQ(failure_of(head, document).error.object_size(), std::nullopt);
  document.actual_object_size = 3;
  EXPECT_EQ(failure_of(head, document).error.object_size(), 3u);
  head.content_range = "bytes */5";
  EXPECT_EQ(failure_of(head, document).error.object_size(), 5u);
  head.content_range = "bytes 0-4095/0";
  EXPECT_EQ(failure_of(head, document).error.object_size(), 0u);
}

TEST(FailureOf, TheStoresWishCountsOnlyWithAListedCode) {
  ResponseHead head;
  head.status = 503;
  head.retry_after = "250";
  aws::ErrorDocument document;
  EXPECT_EQ(failure_of(head, document).delay, std::nullopt);
  document.code = "SlowDown";
  EXPECT_EQ(failure_of(head, document).delay, std::chrono::milliseconds(250));
  head.retry_after = "soon";
  EXPECT_EQ(failure_of(head, document).delay, std::nullopt);
}

Failure failure_with(unsigned status, const std::string& code, const std::string& region = "",
                     std::optional<int64_t> date = std::nullopt) {
  ResponseHead head;
  head.status = status;
  head.date = date;
  aws::ErrorDocument document;
  document.code = code;
  document.region = region;
  return failure_of(head, document);
}

TEST(FailureOf, PrescribesWhatTheAnswerAsksFor) {
  const Failure elsewhere = failure_with(400, "AuthorizationHeaderMalformed", "eu-west-1");
  EXPECT_EQ(elsewhere.remedy, Remedy::kRegion);
  EXPECT_EQ(elsewhere.region, "eu-west-1");
  EXPECT_EQ(failure_with(301, "PermanentRedirect").remedy, Remedy::kNone);
  EXPECT_EQ(failure_with(403, "AccessDenied", "eu-west-1").remedy, Remedy::kNone);
  const Failure skewed = failure_with(403, "RequestTimeTooSkewed", "", 1'000'000);
  EXPECT_EQ(skewed.remedy, Remedy::kClock);
  EXPECT_EQ(skewed.store_time, 1'000'000);
  EXPECT_EQ(failure_with(403, "RequestTimeTooSkewed").remedy, Remedy::kNone);
  for (const char* code : {"ExpiredToken", "InvalidToken", "TokenRefreshRequired",
                           "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId",
                           "UnrecognizedClientException", "InvalidSecurity"}) {
    for (const unsigned status : {400, 403}) {
      EXPECT_EQ(failure_with(status, code).remedy, Remedy::kCredentials) << code;
      EXPECT_EQ(failure_with(status, code).retry, Retry::kNever) << code;
    }
  }
  EXPECT_EQ(failure_with(401, "").remedy, Remedy::kCredentials);
  EXPECT_EQ(failure_with(403, "").remedy, Remedy::kNone);
}

TEST(FailureOf, A404ForAnUnknownAccessKeySaysNothingOfTheObject) {
  const Failure failure = failure_with(404, "XAdminUserNotFound");  // versitygw
  EXPECT_EQ(failure.error.kind(), ErrorKind::kRefused);
  EXPECT_EQ(failure.error.cause(), ErrorCause::kUnknownAccessKey);
  EXPECT_EQ(failure.remedy, Remedy::kCredentials);
  EXPECT_EQ(failure_with(404, "NoSuchKey").error.kind(), ErrorKind::kNotFound);
}

TEST(FailureOf, SomeMayComeFromTheConditionAlone) {
  const auto may = [](unsigned status, const char* code) {
    return may_refuse_condition(status, failure_with(status, code));
  };
  for (const unsigned status : {400U, 403U, 405U, 409U, 412U, 417U, 428U, 501U, 505U})
    EXPECT_TRUE(may(status, "")) << status;
  for (const unsigned status : {301U, 304U, 404U, 408U, 416U, 429U, 500U, 503U})
    EXPECT_FALSE(may(status, "")) << status;
  EXPECT_FALSE(may(403, "InvalidObjectState"));
}

TEST(FailureOf, TheTextIsOneLineWithWhatASupportCaseNeeds) {
  ResponseHead head;
  head.status = 403;
  head.request_id = "ID\n";
  aws::ErrorDocument document;
  document.code = "AccessDenied";
  document.message = "line one\nline two" + std::string(1000, 'x');
  const std::string text = failure_of(head, document).error.message();
  EXPECT_THAT(
      text,
      ::testing::StartsWith(
          R"(the origin answered 403 "AccessDenied" request_id="ID\x0a": "line one\x0aline two)"));
  EXPECT_LT(text.size(), 500u);
}

}  // namespace
}  // namespace cachey::origin
