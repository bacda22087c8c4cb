// Forwarded requests: what goes to the store, and which answers are the client's.

#include "origin/forward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <future>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/http_date.h"
#include "origin/s3/retry.h"
#include "origin/testing/forward_harness.h"
#include "origin/transport/connection_pool.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(S3Forwards, AListIsSignedWithItsQueryInCanonicalOrder) {
  answer({ok("<List/>", "Content-Type: application/xml\r\n")});
  const Forwarded got =
      forward(list({{"prefix", "a b+c/ü"}, {"list-type", "2"}, {"delimiter", ""}}));
  EXPECT_EQ(got.status, 200u) << got.message;
  EXPECT_EQ(got.body, "<List/>");
  EXPECT_EQ(got.length, 7u);
  EXPECT_EQ(got.lines, "Content-Type: application/xml\r\n");
  const std::string request = asked_.take().at(0);
  EXPECT_THAT(request,
              StartsWith("GET /bucket/?delimiter=&list-type=2&prefix=a%20b%2Bc%2F%C3%BC "));
  EXPECT_THAT(request, HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date, "));
  EXPECT_THAT(request, Not(HasSubstr("x-amz-checksum-mode")));
}

TEST_F(S3Forwards, FieldsAreSignedAndSent) {
  answer({response("206 Partial Content", "Content-Range: bytes 1-3/9\r\nETag: \"e\"\r\n", "abc")});
  ForwardRequest request = head_object();
  request.head = false;
  request.query = {{"versionId", "v/1"}};
  request.fields = {{"range", "bytes=1-3"}, {"if-match", "\"e\""}};
  const Forwarded got = forward(std::move(request));
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.body, "abc");
  EXPECT_EQ(got.lines, "Content-Range: bytes 1-3/9\r\nETag: \"e\"\r\n");
  const std::string sent = asked_.take().at(0);
  EXPECT_THAT(sent, StartsWith("GET /bucket/some/key?versionId=v%2F1 "));
  EXPECT_THAT(sent, HasSubstr("SignedHeaders=host;if-match;range;x-amz-"));
  EXPECT_THAT(sent, HasSubstr("range: bytes=1-3\r\n"));
  EXPECT_THAT(sent, HasSubstr("if-match: \"e\"\r\n"));
}

TEST_F(S3Forwards, AFieldOfTheSignatureOrTheFramingIsRefused) {
  const NamedText bad[] = {
      {"authorization", "x"},
      {"host", "x"},
      {"x-amz-date", "x"},
      {"content-length", "5"},
      {"user-agent", "x"},
      {"x-amz-content-sha256", "x"},
      {"x-amz-security-token", "x"},
      {"transfer-encoding", "chunked"},
      {"connection", "close"},
      {"Range", "bytes=0-0"},
      {"", "x"},
      {"a b", "x"},
      {"x-a", "b\r\nc: d"},
      {"x-a", std::string("\0", 1)},
  };
  for (const NamedText& field : bad) {
    ForwardRequest request = list();
    request.fields = {field};
    const Forwarded got = forward(std::move(request));
    EXPECT_EQ(got.status, 0u) << field.name;
    EXPECT_EQ(got.error, ErrorKind::kRefused) << field.name;
  }
  EXPECT_EQ(server_.accepted(), 0);
}

TEST_F(S3Forwards, TheStoreItselfIsAskedForItsBuckets) {
  answer({ok("<Buckets/>")});
  ForwardRequest request;
  EXPECT_EQ(forward(std::move(request)).body, "<Buckets/>");
  EXPECT_THAT(asked_.take().at(0), StartsWith("GET / HTTP/1.1\r\n"));
}

TEST_F(S3Forwards, EveryByteOfAKeyIsSent) {
  answer({ok("x")});
  std::string key;
  for (int c = 1; c < 256; ++c) key += static_cast<char>(c);
  ForwardRequest request = list({{"tagging", ""}});
  request.key = key + "//../%41";
  EXPECT_EQ(forward(std::move(request)).status, 200u);
  EXPECT_THAT(asked_.take().at(0), HasSubstr("%FE%FF//../%2541?tagging= HTTP/1.1\r\n"));
}

TEST_F(S3Forwards, ARefusalOfTheQuestionIsAnAnswer) {
  const std::pair<const char*, const char*> rows[] = {
      {"400 Bad Request", "InvalidArgument"},
      {"403 Forbidden", "AccessDenied"},
      {"403 Forbidden", "InvalidObjectState"},
      {"404 Not Found", "NoSuchBucket"},
      {"404 Not Found", "NoSuchTagSet"},
      {"405 Method Not Allowed", "MethodNotAllowed"},
      {"409 Conflict", "OperationAborted"},
      {"412 Precondition Failed", "PreconditionFailed"},
      {"416 Range Not Satisfiable", "InvalidPartNumber"},
      {"501 Not Implemented", "NotImplemented"},
  };
  for (const auto& [status, code] : rows) {
    answer({error_response(status, code)});
    const Forwarded got = forward(list());
    EXPECT_EQ(std::to_string(got.status), std::string(status).substr(0, 3)) << got.message;
    EXPECT_THAT(got.body, HasSubstr(std::string("<Code>") + code + "</Code>"));
    EXPECT_EQ(got.length, got.body.size());
    EXPECT_EQ(asked_.methods(), "G") << code;
  }
  EXPECT_EQ(server_.accepted(), 1);
}

TEST_F(S3Forwards, ARefusalOfOurSignatureIsNone) {
  s3_.config.limits.attempts_max = 2;
  const std::pair<const char*, const char*> rows[] = {
      {"403 Forbidden", "InvalidAccessKeyId"},
      {"403 Forbidden", "SignatureDoesNotMatch"},
      {"400 Bad Request", "ExpiredToken"},
      {"400 Bad Request", "AuthorizationHeaderMalformed"},
      {"401 Unauthorized", "Unknown"},
      {"404 Not Found", "XAdminUserNotFound"},
      {"301 Moved Permanently", "PermanentRedirect"},
  };
  for (const auto& [status, code] : rows) {
    answer({error_response(status, code)});
    const Forwarded got = forward(list());
    EXPECT_EQ(got.status, 0u) << code;
    EXPECT_EQ(got.error, ErrorKind::kRefused) << code;
    EXPECT_THAT(got.message, HasSubstr(code));
  }
}

TEST_F(S3Forwards, WhatMayPassIsTriedAgain) {
  const std::pair<const char*, const char*> rows[] = {
      {"500 Internal Server Error", "InternalError"},
      {"503 Service Unavailable", "SlowDown"},
      {"429 Too Many Requests", "TooManyRequests"},
      {"400 Bad Request", "RequestTimeout"},
  };
  s3_.config.limits.attempts_max = 2;
  for (const auto& [status, code] : rows) {
    answer({error_response(status, code), ok("<List/>")});
    EXPECT_EQ(forward(list()).body, "<List/>") << code;
    EXPECT_EQ(asked_.methods(), "GG") << code;
    answer({error_response(status, code)});
    EXPECT_EQ(forward(list()).status, 0u) << code;
    EXPECT_EQ(asked_.methods(), "GG") << code;
  }
  EXPECT_EQ(s3_.counters().retries, 8u);
}

TEST_F(S3Forwards, ASilentStoreIsAnError) {
  s3_.config.limits.attempts_max = 1;
  answer({"HTTP/1.1 200 OK\r\nConnection: close"});
  EXPECT_EQ(forward(list()).error, ErrorKind::kUpstream);
}

TEST_F(S3Forwards, AWrongClockIsCorrected) {
  const std::string date = format_http_date(s3_.workers.clock().unix_seconds() + 3600);
  answer({error_response("403 Forbidden", "RequestTimeTooSkewed", "Date: " + date + "\r\n"),
          ok("<List/>")});
  EXPECT_EQ(forward(list()).body, "<List/>");
  EXPECT_EQ(s3_.counters().clock_corrections, 1u);
}

TEST_F(S3Forwards, AHeadHasTheLengthThatTheStoreSays) {
  answer({"HTTP/1.1 206 x\r\nContent-Length: 5242880\r\nx-amz-mp-parts-count: 3\r\n\r\n",
          "HTTP/1.1 200 OK\r\n\r\n"});
  ForwardRequest request = head_object();
  request.query = {{"partNumber", "1"}};
  Forwarded got = forward(request);
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.length, 5242880u);
  EXPECT_EQ(got.body, "");
  EXPECT_THAT(asked_.take().at(0), StartsWith("HEAD /bucket/some/key?partNumber=1 "));
  got = forward(request);
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.length, std::nullopt);
  EXPECT_EQ(server_.accepted(), 1);
}

TEST_F(S3Forwards, ARefusedHeadIsExplainedAndAnswered) {
  answer({"HTTP/1.1 403 Forbidden\r\nContent-Length: 200\r\n\r\n",
          error_response("403 Forbidden", "AccessDenied")});
  EXPECT_EQ(forward(head_object()).status, 403u);
  const std::vector<std::string> requests = asked_.take();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_THAT(requests[1], StartsWith("GET /bucket/some/key HTTP"));
  EXPECT_THAT(requests[1], HasSubstr("range: bytes=0-0\r\n"));
  for (const char* status : {"404 Not Found", "412 x", "416 x", "405 x"}) {
    answer({std::string("HTTP/1.1 ") + status + "\r\n\r\n"});
    EXPECT_EQ(std::to_string(forward(head_object()).status), std::string(status).substr(0, 3));
    EXPECT_EQ(asked_.methods(), "H");
  }
}

TEST_F(S3Forwards, ARefusedHeadOfABucketIsExplainedByAList) {
  const std::string date = format_http_date(s3_.workers.clock().unix_seconds() + 3600);
  answer({"HTTP/1.1 403 Forbidden\r\n\r\n",
          error_response("403 Forbidden", "RequestTimeTooSkewed", "Date: " + date + "\r\n"),
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
  ForwardRequest request = list();
  request.head = true;
  EXPECT_EQ(forward(std::move(request)).status, 200u);
  const std::vector<std::string> requests = asked_.take();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_THAT(requests[0], StartsWith("HEAD /bucket/ HTTP"));
  EXPECT_THAT(requests[1], StartsWith("GET /bucket/?max-keys=1 HTTP"));
  EXPECT_THAT(requests[2], StartsWith("HEAD /bucket/ HTTP"));
  EXPECT_EQ(s3_.counters().clock_corrections, 1u);
}

TEST_F(S3Forwards, RetriesOfAllTogetherAreThoseOfOneObject) {
  s3_.config.limits.attempts_max = 2;
  answer({ok("x"), error_response("500 x", "InternalError")});
  EXPECT_EQ(forward(list()).status, 200u);
  for (int i = 0; i < 30; ++i) {
    ForwardRequest request = list({{"versionId", "v"}});
    request.key = std::to_string(i);
    EXPECT_EQ(forward(std::move(request)).error, ErrorKind::kUpstream);
  }
  EXPECT_LE(s3_.counters().retries, RetryTokens::kTokensMax / RetryBudgets::kKeyShare / 10);
  const uint64_t before = s3_.counters().retries;
  EXPECT_FALSE(s3_.fetch().ok);
  EXPECT_EQ(s3_.counters().retries, before + 1) << "a get has its own";
}

TEST_F(S3Forwards, ThoseThatReadSlowlyLeaveConnectionsToFills) {
  constexpr size_t kConnections = 16;
  s3_.config.pool.connections_per_host_max = kConnections;
  answer({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"});
  std::stop_source stop;
  std::vector<std::future<Forwarded>> slow;
  for (size_t i = 0; i < kConnections; ++i) {
    ForwardRequest request = list();
    request.stop = stop.get_token();
    slow.push_back(s3_.workers.start(
        forward_all(s3_.origin(), s3_.workers.workers()[0], std::move(request), 100)));
  }
  const size_t share = kConnections - kConnections / ConnectionPool::kMemoryShare;
  EXPECT_TRUE(eventually([&] { return asked_.count() == share; }));  // each has its answer
  answer({part_of("content", "GET / HTTP/1.1\r\nrange: bytes=0-99\r\n\r\n")});
  GetRequest fill = S3Harness::request();
  fill.has_memory = true;
  EXPECT_EQ(s3_.fetch(std::move(fill)).body, "content");
  EXPECT_EQ(s3_.counters().requests, share + 1);
  rt::asio::post(s3_.workers.workers()[0].io(), [&stop] { stop.request_stop(); });
  for (std::future<Forwarded>& one : slow) (void)one.get();
}

}  // namespace
}  // namespace cachey::origin
