#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin/s3/s3_origin.h"
#include "origin/testing/s3_harness.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr milliseconds kNever{60'000};

/// A store that sends `answer` to each request and keeps the connection open. Each limit that could
/// end the wait for more is 60 s.
class S3OddAnswers : public ::testing::Test {
 protected:
  Fetched fetch(const std::string& answer) {
    ScriptedServer server([&](Peer& peer, int) {
      while (!peer.read_request().empty()) peer.send(answer);
    });
    S3Harness s3(server.port());
    s3.config.limits.stall_timeout = kNever;
    s3.config.limits.first_byte_timeout = kNever;
    const auto start = steady_clock::now();
    Fetched fetched = s3.fetch();
    EXPECT_LT(steady_clock::now() - start, milliseconds(20'000));
    requests_ = s3.counters().requests.load();
    return fetched;
  }

  uint64_t requests_ = 0;
};

TEST_F(S3OddAnswers, NoContentAndNotModifiedHaveNoBody) {
  for (const std::string fields :
       {"", "Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const Fetched not_modified = fetch("HTTP/1.1 304 N\r\nETag: \"e\"\r\n" + fields + "\r\n");
    EXPECT_EQ(not_modified.error, ErrorKind::kRefused) << not_modified.message;
    EXPECT_THAT(not_modified.message, HasSubstr("304"));
    const Fetched no_content = fetch("HTTP/1.1 204 N\r\n" + fields + "\r\n");
    EXPECT_EQ(no_content.error, ErrorKind::kUpstream) << no_content.message;
    EXPECT_EQ(requests_, 1u);
    const Fetched empty = fetch("HTTP/1.1 204 N\r\nETag: \"e\"\r\n" + fields + "\r\n");
    EXPECT_EQ(empty.error, ErrorKind::kRangeNotSatisfiable) << empty.message;
  }
}

TEST_F(S3OddAnswers, AttributesCannotSplitAHead) {
  const Fetched fetched =
      fetch(std::string("HTTP/1.1 206 P\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n"
                        "ETag: \"e\"\r\n"
                        "x-amz-meta-a: b\rSet-Cookie: a\r\n"
                        "x-amz-meta-b: b\nSet-Cookie: a\r\n"
                        "x-amz-meta-c: b\x01\r\n"
                        "x-amz-meta-d: b\r\n folded\r\n"
                        "x-amz-meta-e : b\r\n"
                        "x-amz-meta-f g: b\r\n"
                        "x-amz-meta-h: ") +
            '\0' + "\r\nx-amz-meta-i: kept\r\n\r\n0123456789");
  ASSERT_TRUE(fetched.ok) << fetched.message;
  ASSERT_NE(fetched.info.attributes, nullptr);
  EXPECT_EQ(fetched.info.attributes->lines(), "x-amz-meta-i: kept\r\n");
}

TEST_F(S3OddAnswers, HundredsOfAttributesPassAndMoreThan8KiBAreTooLarge) {
  const auto answer = [](size_t fields) {
    std::string head =
        "HTTP/1.1 206 P\r\nContent-Range: bytes 0-0/1\r\nContent-Length: 1\r\nETag: \"e\"\r\n";
    for (size_t i = 0; i < fields; ++i) head += fmt::format("x-amz-meta-{:03}: {:014}\r\n", i, i);
    return head + "\r\nx";
  };
  constexpr size_t kLineBytes = 32;
  constexpr size_t kMost = ObjectAttributes::kBytesMax / kLineBytes;
  const Fetched most = fetch(answer(kMost));
  ASSERT_TRUE(most.ok) << most.message;
  EXPECT_EQ(most.info.attributes->bytes(), ObjectAttributes::kBytesMax);
  EXPECT_FALSE(most.info.attributes->too_large());
  const Fetched more = fetch(answer(kMost + 1));
  ASSERT_TRUE(more.ok) << more.message;
  EXPECT_TRUE(more.info.attributes->too_large());
  EXPECT_EQ(more.info.attributes->bytes(), 0);
}

TEST_F(S3OddAnswers, AHeadHasAtMost64KiB) {
  const std::string front = "HTTP/1.1 404 N\r\nContent-Length: 0\r\nX-Long: ";
  const std::string back = "\r\n\r\n";
  const size_t most = kHeadBytesMax - front.size() - back.size();
  const Fetched fits = fetch(front + std::string(most, 'x') + back);
  EXPECT_EQ(fits.error, ErrorKind::kNotFound) << fits.message;
  const Fetched longer = fetch(front + std::string(most + 1, 'x') + back);
  EXPECT_EQ(longer.error, ErrorKind::kUpstream) << longer.message;
  EXPECT_THAT(longer.message, HasSubstr("too long"));
}

TEST_F(S3OddAnswers, AnErrorsTextWithoutALengthEndsWithAPause) {
  const Fetched empty = fetch("HTTP/1.1 404 N\r\n\r\n");
  EXPECT_EQ(empty.error, ErrorKind::kNotFound) << empty.message;
  EXPECT_EQ(requests_, 1u);
  const Fetched text = fetch("HTTP/1.1 403 N\r\n\r\n<Error><Code>AccessDenied</Code></Error>");
  EXPECT_EQ(text.error, ErrorKind::kDenied);
  EXPECT_THAT(text.message, HasSubstr("AccessDenied"));
}

TEST_F(S3OddAnswers, BytesAreNotHeldBackByALateEnd) {
  const std::string head = "HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/10\r\n";
  for (const std::string rest :
       {"\r\n0123456789", "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789",
        "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n"}) {
    const Fetched fetched = fetch(head + rest);
    EXPECT_TRUE(fetched.ok) << fetched.message;
    EXPECT_EQ(fetched.body, "0123456789");
  }
}

TEST_F(S3OddAnswers, ALateEndCostsTheConnection) {
  ScriptedServer server([&](Peer& peer, int) {
    while (!peer.read_request().empty()) {
      peer.send(
          "HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/10\r\nTransfer-Encoding: chunked\r\n\r\n"
          "a\r\n0123456789\r\n");
    }
  });
  S3Harness s3(server.port());
  EXPECT_EQ(s3.fetch().body, "0123456789");
  EXPECT_EQ(s3.fetch().body, "0123456789");
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(S3OddAnswers, AnEmptyObjectIsToldByOneRequest) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (const std::string& answer :
       {"HTTP/1.1 200 x\r\nETag: \"e\"\r\n" + chunked, "HTTP/1.1 206 x\r\n" + chunked,
        std::string("HTTP/1.1 206 x\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 206 x\r\nContent-Range: bytes 0-0/0\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 206 x\r\nContent-Range: bytes 0-99/0\r\n\r\n"),
        std::string("HTTP/1.1 416 x\r\nContent-Length: 0\r\n\r\n"),
        error_response("416 x", "InvalidRange"),
        std::string("HTTP/1.1 416\r\nContent-Range: bytes */0\r\nContent-Length: 0\r\n\r\n")}) {
    const Fetched fetched = fetch(answer);
    EXPECT_EQ(fetched.error, ErrorKind::kRangeNotSatisfiable) << answer << fetched.message;
    EXPECT_EQ(fetched.object_size, 0u) << answer;
    EXPECT_EQ(requests_, 1u);
  }
  const Fetched full =
      fetch("HTTP/1.1 200 x\r\nETag: \"e\"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na");
  EXPECT_EQ(full.error, ErrorKind::kUpstream) << full.message;
}

TEST_F(S3OddAnswers, FieldsThatNobodyReadsAreSkipped) {
  const Fetched fetched = fetch(
      "\r\nHTTP/1.1 206\r\nx-amz-meta-size[kb]: 1\r\nx-amz-meta-a: \x02\r\nno field\r\n"
      "Content-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n0123456789");
  EXPECT_EQ(fetched.body, "0123456789") << fetched.message;
}

TEST_F(S3OddAnswers, WhatIsNotHttpIsToldByTheFirstBytes) {
  for (const std::string& answer :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("\0\0\0\4\0\0\0\0\0", 9),
        std::string("\x15\x03\x01\x00\x02\x02\x28"), std::string("x"),
        std::string("HTTP/1.1 206 x\nContent-Range: bytes 0-9/10\n\n0123456789"),
        "HTTP/1.1 103 E\r\n\r\n" + std::string("binary")}) {
    const Fetched fetched = fetch(answer);
    EXPECT_EQ(fetched.error, ErrorKind::kUpstream) << fetched.message;
    EXPECT_EQ(requests_, 1u);
  }
  EXPECT_THAT(fetch("SSH-2.0-OpenSSH_9.2\r\n").message, HasSubstr("SSH-2.0-OpenSSH_9.2"));
}

}  // namespace
}  // namespace cachey::origin
