#include "api/s3/error_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/testing/recording_writer.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api::s3 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTarget = "/bkt/a%20b?X-Amz-Signature=00ff&response-expires=1";

std::string value_of(const aws::ErrorDocument& document, std::string_view name) {
  for (const aws::ErrorDetail& detail : document.details) {
    if (detail.name == name) return detail.value;
  }
  return "(none)";
}

struct Sent {
  unsigned status;
  std::map<std::string, std::string> fields;
  std::string text;
  aws::ErrorDocument document;
};

rt::Task<bool> send(net::ResponseWriter& writer, Refusal refusal, RefusedRequest refused) {
  co_await refuse(writer, std::move(refusal), refused);
  co_return true;
}

Sent answer(Refusal refusal, net::Method method = net::Method::kGet,
            std::string_view bucket = "bkt", std::string_view key = "a b") {
  const net::Request request(method, kTarget, {});
  rt::VirtualWorker world;
  RecordingWriter writer;
  const RefusedRequest refused{request, bucket, key, "R1", "H1"};
  EXPECT_TRUE(world.run(send(writer, std::move(refusal), refused)));
  EXPECT_TRUE(writer.finished);
  return Sent{writer.status, writer.fields, writer.text, aws::parse_error_document(writer.text)};
}

TEST(ErrorAnswer, EachFailureHasS3sCode) {
  const struct {
    Error error;
    unsigned status;
    const char* code;
  } rows[] = {
      {Error(ErrorKind::kBadRequest, "x"), 400, "InvalidRequest"},
      {Error(ErrorKind::kNotFound, "x"), 404, "NoSuchKey"},
      {Error(ErrorKind::kNotFound, "x", ErrorCause::kNoSuchKey), 404, "NoSuchKey"},
      {Error(ErrorKind::kNotFound, "x", ErrorCause::kNoSuchBucket), 404, "NoSuchBucket"},
      {Error::range_not_satisfiable(7), 416, "InvalidRange"},
      {Error(ErrorKind::kPreconditionFailed, "x"), 412, "PreconditionFailed"},
      {Error(ErrorKind::kChanged, "x"), 503, "SlowDown"},
      {Error(ErrorKind::kDenied, "x", ErrorCause::kAccessDenied), 403, "AccessDenied"},
      {Error(ErrorKind::kArchived, "x"), 403, "InvalidObjectState"},
      {Error(ErrorKind::kThrottled, "x"), 503, "SlowDown"},
      {Error(ErrorKind::kTimeout, "x"), 500, "InternalError"},
      {Error(ErrorKind::kUpstream, "x"), 500, "InternalError"},
      {Error(ErrorKind::kDamaged, "x"), 500, "InternalError"},
      {Error(ErrorKind::kRefused, "x", ErrorCause::kBadSignature), 500, "InternalError"},
      {Error(ErrorKind::kNotCached, "x"), 504, "NotCached"},
      {Error::overloaded("x", std::chrono::seconds(3)), 503, "SlowDown"},
      {Error(ErrorKind::kCancelled, "x"), 503, "SlowDown"},
      {Error(ErrorKind::kInternal, "x"), 500, "InternalError"},
  };
  for (const auto& row : rows) {
    const Sent sent = answer(Refusal::of(row.error));
    EXPECT_EQ(sent.status, row.status) << row.code;
    EXPECT_EQ(sent.document.code, row.code);
    EXPECT_EQ(sent.document.message, aws::find_error_code(row.code)->message);
    EXPECT_EQ(sent.fields.contains("Retry-After"), row.status == 503) << row.code;
    EXPECT_EQ(sent.fields.contains("Content-Range"), row.status == 416) << row.code;
    const bool says_more = row.status >= 500 || row.status == 400;
    EXPECT_EQ(value_of(sent.document, "Detail") != "(none)", says_more) << row.code;
  }
}

TEST(ErrorAnswer, SaysWhatWasAskedFor) {
  const Sent sent = answer(Refusal::of("NoSuchKey"));
  EXPECT_EQ(sent.text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
            "<Message>The specified key does not exist.</Message><BucketName>bkt</BucketName>"
            "<Key>a b</Key><Resource>/bkt/a b</Resource><RequestId>R1</RequestId>"
            "<HostId>H1</HostId></Error>");
  const std::map<std::string, std::string> fields{{"content-type", "application/xml"},
                                                  {"cache-control", "no-store"},
                                                  {"server", "cachey"},
                                                  {"x-amz-request-id", "R1"},
                                                  {"x-amz-id-2", "H1"}};
  EXPECT_EQ(sent.fields, fields);
}

TEST(ErrorAnswer, NeverContainsTheQuery) {
  for (const char* bucket : {"", "bkt"}) {
    const Sent sent = answer(Refusal::of("InvalidURI"), net::Method::kGet, bucket, "");
    EXPECT_THAT(sent.text, Not(HasSubstr("00ff")));
    EXPECT_EQ(value_of(sent.document, "Resource"), *bucket == 0 ? "/bkt/a%20b" : "/bkt");
    EXPECT_EQ(value_of(sent.document, "Key"), "(none)");
  }
}

TEST(ErrorAnswer, TextIsEscaped) {
  const Sent sent =
      answer(Refusal::of("NoSuchKey"), net::Method::kGet, "bkt", "<a>&\n\x01\xC3\xBC");
  EXPECT_EQ(value_of(sent.document, "Key"), "<a>&\n\xC3\xBC");
}

// The AWS CRT reads the size to tell an empty object from a mistake.
TEST(ErrorAnswer, AnUnsatisfiableRangeSaysTheSize) {
  const Sent sent = answer(Refusal::range_not_satisfiable("bytes=9-", 0));
  EXPECT_EQ(sent.status, 416);
  EXPECT_EQ(sent.fields.at("Content-Range"), "bytes */0");
  EXPECT_EQ(sent.document.code, "InvalidRange");
  EXPECT_EQ(sent.document.actual_object_size, 0);
  EXPECT_EQ(value_of(sent.document, "RangeRequested"), "bytes=9-");
  const Sent unknown = answer(Refusal::range_not_satisfiable("bytes=9-", std::nullopt));
  EXPECT_FALSE(unknown.fields.contains("Content-Range"));
  EXPECT_EQ(unknown.document.actual_object_size, std::nullopt);
}

TEST(ErrorAnswer, AFailedPreconditionIsNamed) {
  const Sent sent = answer(Refusal::precondition_failed("If-Match"));
  EXPECT_EQ(sent.status, 412);
  EXPECT_EQ(value_of(sent.document, "Condition"), "If-Match");
  EXPECT_EQ(sent.document.message,
            "At least one of the pre-conditions you specified did not hold.");
}

TEST(ErrorAnswer, AWriteIsToldWhereToGo) {
  const Sent sent = answer(Refusal::method_not_allowed(), net::Method::kOther, "", "");
  EXPECT_EQ(sent.status, 405);
  EXPECT_EQ(sent.fields.at("Allow"), "GET, HEAD");
  EXPECT_EQ(sent.document.code, "MethodNotAllowed");
  EXPECT_THAT(sent.document.message, HasSubstr("write to the store itself"));
}

TEST(ErrorAnswer, HeadGetsStatusAndFieldsOnly) {
  const Sent sent = answer(Refusal::range_not_satisfiable("bytes=9-", 7), net::Method::kHead);
  EXPECT_EQ(sent.status, 416);
  EXPECT_EQ(sent.text, "");
  EXPECT_EQ(sent.fields.at("Content-Range"), "bytes */7");
  EXPECT_EQ(sent.fields.at("x-amz-request-id"), "R1");
}

TEST(ErrorAnswer, RetryAfterIsInWholeSeconds) {
  using namespace std::chrono_literals;
  EXPECT_EQ(answer(Refusal::of(Error::overloaded("x", 3'001ms))).fields.at("Retry-After"), "4");
  EXPECT_EQ(answer(Refusal::of("SlowDown")).fields.at("Retry-After"), "1");
}

TEST(ErrorAnswer, ClientsAreNotToldOfTheServersCredentials) {
  const Error ours(ErrorKind::kRefused, "http://169.254.169.254 says x",
                   ErrorCause::kNoCredentials);
  EXPECT_THAT(answer(Refusal::of(ours)).text, Not(HasSubstr("169.254")));
}

}  // namespace
}  // namespace cachey::api::s3
