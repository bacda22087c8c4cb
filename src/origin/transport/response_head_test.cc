#include "origin/transport/response_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cctype>
#include <random>
#include <string>

#include "base/units.h"

namespace cachey::origin {
namespace {

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
       {"",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.x 200 OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n",
        "HTTP/1.1 200\tOK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
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

TEST(ResponseHead, AStatusLineNeedsNoPhrase) {
  for (const std::string line :
       {"HTTP/1.1 206", "HTTP/1.1 206 ", "HTTP/1.0 206 x", "HTTP/1.1 206  ",
        "HTTP/1.1 206 \x01\xff", "\r\n\r\nHTTP/1.1 206", "HTTP/1.9 206"}) {
    const ResponseHead head = parse(line + "\r\nContent-Length: 3\r\n\r\n");
    EXPECT_EQ(head.status, 206u) << line;
    EXPECT_EQ(head.content_length, 3u) << line;
  }
  EXPECT_EQ(parse("HTTP/1.1 404\r\n\r\n").status, 404u);
}

TEST(ResponseHead, FieldsThatNobodyReadsMayBeAnything) {
  for (const std::string& line : {std::string("x-amz-meta-b{c}: d"),
                                  std::string("x-amz-meta-two words: d"),
                                  std::string("x-amz-meta-\xe6\x97\xa5: d"),
                                  std::string("x-amz-meta-<a>/b@c[0]=: d"),
                                  std::string("x-amz-meta-a\t : d"),
                                  std::string("x-amz-meta-a: \x1f\x7f\x02"),
                                  std::string("x-amz-meta-a: \0", 16),
                                  std::string("x-amz-meta-a: b\rc"),
                                  std::string("x-amz-meta-a: b\nc"),
                                  std::string("x-amz-meta-a: b\nContent-Length: 7"),
                                  std::string(": d"),
                                  std::string(" : d"),
                                  std::string("no colon"),
                                  std::string("\xff\xfe"),
                                  std::string("x-amz-meta-a: b\r\n  c"),
                                  std::string("\tfolded onto the status line"),
                                  std::string("x-amz-request-id: \x01"),
                                  std::string("date : x"),
                                  std::string("content-length-of-it : 5"),
                                  std::string("not-etag: \x01"),
                                  "x-amz-meta-a: " + std::string(40'000, 'x')}) {
    const ResponseHead head =
        parse("HTTP/1.1 206 x\r\n" + line + "\r\nContent-Length: 9\r\nETag: \"e\"\r\n\r\n");
    EXPECT_EQ(head.content_length, 9u) << line;
    EXPECT_EQ(head.etag, "\"e\"") << line;
    EXPECT_EQ(head.request_id, "") << line;
  }
}

TEST(ResponseHead, FieldsThatFrameTheBodyMayNot) {
  for (const std::string name : {"Content-Length", "Transfer-Encoding", "Connection",
                                 "Content-Range", "ETag", "Last-Modified"}) {
    for (const std::string& line :
         {name + " : 5", name + "\t: 5", "\v" + name + ": 5", name + "\x7f: 5", name + ": 5\x01",
          name + ": 5\r6", name + ": 5\n6", name + ": " + std::string(1, '\0') + "5",
          name + ": 5\r\n 6", "\n" + name + ": 5"}) {
      EXPECT_FALSE(parse_response_head("HTTP/1.1 206 x\r\na: b\r\n" + line + "\r\n\r\n")) << line;
    }
  }
  for (const char* length : {"", "5 5", "5, 5", "0x5", "5;", "18446744073709551616", "1e3"}) {
    EXPECT_FALSE(parse_response_head("HTTP/1.1 206 x\r\nContent-Length: " + std::string(length) +
                                     "\r\n\r\n"))
        << length;
  }
  EXPECT_FALSE(parse_response_head(
      "HTTP/1.1 206 x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

TEST(ResponseHead, TheSameLengthMayBeSaidTwice) {
  EXPECT_EQ(
      parse("HTTP/1.1 206 x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n").content_length, 5u);
}

TEST(ResponseHead, TheConnectionEndsWhereAnyOptionSaysSo) {
  for (const std::string fields :
       {"Connection: x, CLOSE ,y\r\n", "Connection: keep-alive\r\nConnection: close\r\n",
        "Connection:close\r\n"}) {
    EXPECT_FALSE(parse("HTTP/1.1 206 x\r\n" + fields + "\r\n").keep_alive) << fields;
  }
  EXPECT_TRUE(parse("HTTP/1.1 206 x\r\nConnection: closed, ,\r\n\r\n").keep_alive);
  EXPECT_FALSE(
      parse("HTTP/1.0 206 x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n")
          .keep_alive);
}

TEST(ResponseHead, TheEndIsFoundHoweverTheHeadComes) {
  const std::string head = "\r\n\r\nHTTP/1.1 206 x\r\nETag: \"e\"\r\na: b\nc\r\n\r\n";
  for (size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(find_head_end(head.substr(0, size)), 0u) << size;
    EXPECT_EQ(find_head_end(head, size), head.size()) << size;
    EXPECT_EQ(find_head_end(head + "body\r\n\r\n", size), head.size()) << size;
  }
}

TEST(ResponseHead, TheFirstBytesTellWhetherItIsHttp) {
  for (const std::string text :
       {"S", "\n", "\r\r", "HTTP/2", "HTTP/2 200\r\n", "HTTPS", "ICY 200 OK\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01", "HTTP/1.1 206 x\n", "HTTP/1.1 206 x\na: b\r\n",
        "HTTP/1.1 206 x\r\nETag: \"e\"\n\n", "HTTP/1.1 206 x\r\nETag: \"e\"\n\r\n",
        "HTTP/1.1 206 x\r\n\n", "\r\n\r\n\r\n\r\n\r"}) {
    EXPECT_EQ(find_head_end(text).error().kind(), ErrorKind::kUpstream) << text;
  }
  EXPECT_FALSE(find_head_end(std::string(4, '\0')));
  EXPECT_FALSE(find_head_end("HTTP/1.1 206 x\r\na\n\nb", 17));
  EXPECT_THAT(find_head_end("SSH-2.0-OpenSSH_9.2").error().message(),
              ::testing::HasSubstr("SSH-2.0"));
}

/// A head of ordinary lines, in random order and case.
std::string ordinary_head(std::mt19937& random) {
  static constexpr const char* kLines[] = {
      "Content-Length: 10",        "Content-Range: bytes 0-9/100", "ETag: \"abc-2\"",
      "Connection: close",         "Connection: Keep-Alive",       "x-amz-request-id:  ID ",
      "Content-Type: text/plain",  "Server: nginx/1.2 (x)",        "x-amz-meta-a:",
      "x-amz-meta-a: b, \"c\" ",   "Accept-Ranges:bytes",          "x-amz-id-2: a+b/c==",
      "Transfer-Encoding: chunked"};
  static constexpr const char* kStatus[] = {"HTTP/1.1 206 Partial Content", "HTTP/1.0 200 OK",
                                            "HTTP/1.1 503 ", "HTTP/1.1 404 Not Found"};
  std::string head = kStatus[random() % std::size(kStatus)];
  const size_t begin = head.size();
  for (size_t i = random() % 8; i > 0; --i)
    head += std::string("\r\n") + kLines[random() % std::size(kLines)];
  for (size_t at = begin; at < head.size(); ++at) {
    const bool in_name =
        head.find(':', at) < head.find('\r', at) && head.find(':', head.rfind('\n', at)) > at;
    if (in_name && random() % 2 == 0) head[at] = static_cast<char>(std::toupper(head[at]));
  }
  return head + "\r\n\r\n";
}

TEST(ResponseHead, OrdinaryHeadsAreReadAsBeastReadsThem) {
  namespace http = boost::beast::http;
  std::mt19937 random(20'260'801);
  int both = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = ordinary_head(random);
    http::response_parser<http::empty_body> beast;
    beast.body_limit(boost::none);
    boost::system::error_code error;
    beast.put(boost::asio::buffer(text), error);
    const Result<ResponseHead> head = parse_response_head(text);
    if (error && error != http::error::need_more) {
      EXPECT_FALSE(head.has_value()) << text;
    }
    if (!head || !beast.is_header_done()) continue;
    ++both;
    const auto& fields = beast.get();
    EXPECT_EQ(head->status, fields.result_int()) << text;
    EXPECT_EQ(head->chunked, beast.chunked()) << text;
    const bool at_odds = text.contains("close") && text.contains("Keep-Alive");
    if (!at_odds && (!head->chunked || fields.version() == 11)) {
      EXPECT_EQ(head->keep_alive, fields.keep_alive()) << text;
    }
    EXPECT_EQ(head->content_length.has_value(), beast.content_length().has_value()) << text;
    EXPECT_EQ(head->etag, std::string_view(fields[http::field::etag])) << text;
    EXPECT_EQ(head->content_range, std::string_view(fields[http::field::content_range])) << text;
    EXPECT_EQ(head->content_type, std::string_view(fields[http::field::content_type])) << text;
    EXPECT_EQ(head->request_id, std::string_view(fields["x-amz-request-id"])) << text;
  }
  EXPECT_GT(both, 10'000);
}

}  // namespace
}  // namespace cachey::origin
