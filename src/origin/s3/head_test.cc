// HeadObject, and what the client does about answers to it that explain nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "base/http_date.h"
#include "base/mutex.h"
#include "origin/testing/asked_requests.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A store that answers each HEAD with `head`, and each GET of a byte with `get`.
class S3Heads : public ::testing::Test {
 protected:
  S3Heads() : server_([this](Peer& peer, int) { serve(peer); }), s3_(server_.port()) {
    s3_.config.limits.attempts_max = 1;
  }
  ~S3Heads() override { s3_.stop(); }

  void serve(Peer& peer) {
    for (std::string request; !(request = peer.read_request()).empty();) {
      const MutexLock lock(mutex_);
      asked_.add(request);
      peer.send(request.starts_with("HEAD ") ? head_ : get_);
    }
  }

  void answer(std::string head, std::string get = "") {
    const MutexLock lock(mutex_);
    head_ = std::move(head);
    get_ = std::move(get);
  }

  Fetched head(bool explain_absence = false) {
    GetRequest request = S3Harness::request({});
    request.ask = Ask::kHead;
    request.explain_absence = explain_absence;
    return s3_.fetch(std::move(request));
  }

  static std::string good(const std::string& size, const std::string& more = "") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\nETag: \"v1\"\r\n" + more + "\r\n";
  }

  Mutex mutex_;
  std::string head_ GUARDED_BY(mutex_);
  std::string get_ GUARDED_BY(mutex_);
  AskedRequests asked_;
  ScriptedServer server_;
  S3Harness s3_;
};

TEST_F(S3Heads, TellVersionAndSizeAndKeepTheConnection) {
  for (const char* size : {"0", "1", "12345678901"}) {
    answer(good(size, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    const Fetched got = head();
    ASSERT_TRUE(got.ok) << got.message;
    EXPECT_EQ(std::to_string(got.info.size), size);
    EXPECT_EQ(got.info.etag, "\"v1\"");
    EXPECT_EQ(got.info.last_modified, 784111777);
    EXPECT_TRUE(got.range.empty());
    const std::vector<std::string> requests = asked_.take();
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_THAT(requests[0], StartsWith("HEAD /bucket/some/key HTTP/1.1\r\n"));
    EXPECT_THAT(requests[0], Not(HasSubstr("range:")));
    EXPECT_THAT(requests[0], HasSubstr("x-amz-checksum-mode: ENABLED\r\n"));
    EXPECT_THAT(requests[0], HasSubstr("authorization: AWS4-HMAC-SHA256 "));
  }
  EXPECT_EQ(server_.accepted(), 1);
}

TEST_F(S3Heads, A404IsOneRequest) {
  for (const char* length :
       {"", "Content-Length: 0\r\n", "Content-Length: 310\r\n", "Transfer-Encoding: chunked\r\n"}) {
    answer(std::string("HTTP/1.1 404 Not Found\r\n") + length + "\r\n");
    EXPECT_EQ(head().error, ErrorKind::kNotFound) << length;
    EXPECT_EQ(asked_.methods(), "H");
  }
  EXPECT_EQ(server_.accepted(), 1) << "no length, no body: the connection is kept";
}

TEST_F(S3Heads, A404IsExplainedIfThatIsAskedFor) {
  struct Row {
    const char* code;
    ErrorKind kind;
    ErrorCause cause;
  };
  const Row rows[] = {
      {"NoSuchKey", ErrorKind::kNotFound, ErrorCause::kNoSuchKey},
      {"NoSuchBucket", ErrorKind::kNotFound, ErrorCause::kNoSuchBucket},
      {"XAdminUserNotFound", ErrorKind::kRefused, ErrorCause::kUnknownAccessKey},
      {"NoSuchUser", ErrorKind::kNotFound, ErrorCause::kUnusableAnswer},
  };
  for (const Row& row : rows) {
    answer("HTTP/1.1 404 Not Found\r\n\r\n", error_response("404 Not Found", row.code));
    const Fetched got = head(true);
    EXPECT_EQ(got.error, row.kind) << row.code;
    EXPECT_EQ(got.cause, row.cause) << row.code;
    EXPECT_EQ(asked_.methods(), "HG") << row.code;
  }
}

TEST_F(S3Heads, AnObjectThatCameAfterA404IsFound) {
  answer("HTTP/1.1 404 Not Found\r\n\r\n",
         "HTTP/1.1 206 x\r\nContent-Range: bytes 0-0/77\r\nContent-Length: 1\r\n"
         "ETag: \"v7\"\r\n\r\nb");
  const Fetched got = head(true);
  ASSERT_TRUE(got.ok) << got.message;
  EXPECT_EQ(got.info.size, 77u);
}

TEST_F(S3Heads, ABodyCostsTheConnection) {
  answer(good("5") + "bytes");
  EXPECT_TRUE(head().ok);
  EXPECT_TRUE(head().ok);
  EXPECT_EQ(server_.accepted(), 2);
}

TEST_F(S3Heads, WhatAHeadDoesNotExplainAGetOfAByteDoes) {
  struct Row {
    std::string status;
    std::string code;
    ErrorKind kind;
  };
  const Row rows[] = {
      {"400 Bad Request", "ExpiredToken", ErrorKind::kRefused},
      {"401 Unauthorized", "InvalidAccessKeyId", ErrorKind::kRefused},
      {"403 Forbidden", "SignatureDoesNotMatch", ErrorKind::kRefused},
      {"403 Forbidden", "AccessDenied", ErrorKind::kDenied},
      {"403 Forbidden", "InvalidObjectState", ErrorKind::kArchived},
      {"405 Method Not Allowed", "MethodNotAllowed", ErrorKind::kRefused},
      {"403 Forbidden", "NoSuchKey", ErrorKind::kNotFound},
  };
  for (const Row& row : rows) {
    answer("HTTP/1.1 " + row.status + "\r\n\r\n", error_response(row.status, row.code));
    const Fetched got = head();
    EXPECT_EQ(got.error, row.kind) << row.code;
    EXPECT_THAT(got.message, HasSubstr(row.code));
    const std::vector<std::string> requests = asked_.take();
    ASSERT_EQ(requests.size(), 2u) << row.code;
    EXPECT_THAT(requests[1], StartsWith("GET /bucket/some/key?x-id=GetObject "));
    EXPECT_THAT(requests[1], HasSubstr("range: bytes=0-0\r\n"));
  }
}

TEST_F(S3Heads, AStoreWithoutHeadIsAskedForAByte) {
  const std::string byte =
      "HTTP/1.1 206 x\r\nContent-Range: bytes 0-0/77\r\nContent-Length: 1\r\n"
      "ETag: \"v7\"\r\n\r\nb";
  for (const char* refusal :
       {"405 Method Not Allowed", "501 Not Implemented", "400 Bad Request", "200 OK"}) {
    answer(std::string("HTTP/1.1 ") + refusal + "\r\n\r\n", byte);
    const Fetched got = head();
    ASSERT_TRUE(got.ok) << refusal << ": " << got.message;
    EXPECT_EQ(got.info.size, 77u);
    EXPECT_EQ(got.info.etag, "\"v7\"");
    EXPECT_TRUE(got.range.empty());
    EXPECT_EQ(asked_.methods(), "HG");
  }
  EXPECT_EQ(server_.accepted(), 1);
}

TEST_F(S3Heads, AHeadWithoutALengthIsNoAnswerOfItsOwn) {
  answer("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"v1\"\r\n\r\nabc");
  EXPECT_EQ(head().error, ErrorKind::kUpstream) << "three bytes are no answer to a GET of one";
  EXPECT_EQ(asked_.methods(), "HG");
}

TEST_F(S3Heads, RemediesAreThoseOfAGet) {
  s3_.config.limits.attempts_max = 1;
  const std::string date = format_http_date(s3_.workers.clock().unix_seconds() + 3600);
  answer("HTTP/1.1 403 Forbidden\r\n\r\n",
         error_response("403 Forbidden", "RequestTimeTooSkewed", "Date: " + date + "\r\n"));
  EXPECT_EQ(head().error, ErrorKind::kRefused);
  EXPECT_EQ(asked_.methods(), "HGG");
  EXPECT_EQ(s3_.counters().clock_corrections, 1u);
  answer(good("10"));
  EXPECT_TRUE(head().ok);
  EXPECT_EQ(asked_.methods(), "H") << "the next one is a HEAD again, signed for the store's time";
}

TEST_F(S3Heads, FailuresThatPassAreTriedAgain) {
  s3_.config.limits.attempts_max = 3;
  answer("HTTP/1.1 503 Slow Down\r\n\r\n");
  EXPECT_EQ(head().error, ErrorKind::kThrottled);
  EXPECT_EQ(asked_.methods(), "HHH");
}

}  // namespace
}  // namespace cachey::origin
