#include "origin/transport/response_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/units.h"
#include "origin/transport/content_range.h"

namespace cachey::origin {
namespace {

TEST(ContentRange, ParsesTheThreeForms) {
  EXPECT_EQ(parse_content_range("bytes 0-9/100"), (ContentRange{ByteRange{0, 10}, 100}));
  EXPECT_EQ(parse_content_range("bytes 5-5/6"), (ContentRange{ByteRange{5, 6}, 6}));
  EXPECT_EQ(parse_content_range("bytes 0-9/*"), (ContentRange{ByteRange{0, 10}, std::nullopt}));
  EXPECT_EQ(parse_content_range("bytes */100"), (ContentRange{std::nullopt, 100}));
  EXPECT_EQ(parse_content_range("  Bytes  0 - 9 / 100 "), (ContentRange{ByteRange{0, 10}, 100}));
  EXPECT_EQ(parse_content_range("bytes 10-9/10"), (ContentRange{ByteRange{10, 10}, 10}));
  EXPECT_EQ(parse_content_range("bytes 0--1/0"), (ContentRange{ByteRange{0, 0}, 0}));
}

TEST(ContentRange, RefusesEverythingElse) {
  for (const char* text : {"",
                           "bytes",
                           "bytes ",
                           "bytes */*",
                           "bytes 0-9",
                           "bytes 0-9/",
                           "bytes 0-/10",
                           "bytes -9/10",
                           "bytes 9-0/10",
                           "bytes 1--1/10",
                           "bytes 0--2/10",
                           "bytes 0-10/10",
                           "items 0-9/100",
                           "bytes=0-9/100",
                           "bytes 0-9/100x",
                           "bytes 0-9,20-29/100",
                           "bytes 0x0-9/100",
                           "bytes +0-9/100",
                           "bytes 0-9/18446744073709551616",
                           "bytes 0-9223372036854775808/*",
                           "bytes0-9/100"}) {
    EXPECT_FALSE(parse_content_range(text).has_value()) << text;
  }
}

ResponseHead parse(const std::string& text) {
  const Result<ResponseHead> head = parse_response_head(text);
  if (head) return *head;
  ADD_FAILURE() << head.error().message();
  return {};
}

TEST(ResponseHead, ReadsWhatMatters) {
  const ResponseHead head = parse(
      "HTTP/1.1 206 Partial Content\r\n"
      "CONTENT-LENGTH: 10\r\n"
      "content-range: bytes 0-9/100\r\n"
      "ETag: \"abc\"\r\n"
      "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "X-Amz-Request-Id: ID\r\n"
      "x-amz-retry-after: 250\r\n"
      "Keep-Alive: timeout=15, max=100\r\n"
      "\r\n");
  EXPECT_EQ(head.status, 206u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.keep_alive_timeout, std::chrono::seconds(15));
  EXPECT_FALSE(head.chunked);
  EXPECT_EQ(head.content_length, 10u);
  EXPECT_EQ(head.content_range, "bytes 0-9/100");
  EXPECT_EQ(head.etag, "\"abc\"");
  EXPECT_EQ(head.request_id, "ID");
  EXPECT_EQ(head.retry_after, "250");
}

TEST(ResponseHead, KnowsWhetherTheConnectionGoesOn) {
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n").keep_alive);
  EXPECT_FALSE(
      parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n").keep_alive);
  EXPECT_TRUE(
      parse("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(ResponseHead, ReadsBodiesOfAnyLength) {
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 54975581388800\r\n\r\n").content_length,
            50 * kTiB);
  EXPECT_TRUE(parse("HTTP/1.1 206 x\r\nTransfer-Encoding: chunked\r\n\r\n").chunked);
  EXPECT_EQ(parse("HTTP/1.1 503 Slow Down\r\n\r\n").content_length, std::nullopt);
  EXPECT_EQ(parse("HTTP/1.1 200 \r\n\r\n").status, 200u);
  EXPECT_EQ(parse("HTTP/1.1 100 Continue\r\n\r\n").status, 100u);
}

TEST(ResponseHead, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\netag: a\x01"
        "b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nETag: \"b\"\r\n\r\n",
        "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nx: y\r\netag: \"a\"\r\n\r\n",
        "HTTP/1.1 206 OK\r\nContent-Range: bytes 0-1/2\r\ncontent-range: bytes 0-9/10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"}) {
    const Result<ResponseHead> head = parse_response_head(text);
    ASSERT_FALSE(head.has_value()) << text;
    EXPECT_EQ(head.error().kind(), ErrorKind::kUpstream);
  }
}

TEST(ResponseHead, TheFirstBytesTellWhetherItIsHttp) {
  const std::string head = "HTTP/1.1 206 x\r\nETag: \"e\"\r\n\r\n";
  for (size_t size = 0; size <= head.size(); ++size) {
    EXPECT_TRUE(check_head_begin(head.substr(0, size))) << size;
    EXPECT_TRUE(check_head_begin(head, size)) << size;
  }
  for (const std::string text : {"S", "\r\n", "HTTP/2", "HTTP/2 200\r\n", "HTTPS", "ICY 200 OK\r\n",
                                 "SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01", "HTTP/1.1 206 x\n",
                                 "HTTP/1.1 206 x\r\nETag: \"e\"\n"}) {
    EXPECT_EQ(check_head_begin(text).error().kind(), ErrorKind::kUpstream) << text;
  }
  EXPECT_FALSE(check_head_begin(std::string(4, '\0')));
  EXPECT_FALSE(check_head_begin("HTTP/1.1 206 x\r\na\nb", 17));
  EXPECT_THAT(check_head_begin("SSH-2.0-OpenSSH_9.2").error().message(),
              ::testing::HasSubstr("SSH-2.0"));
}

}  // namespace
}  // namespace cachey::origin
