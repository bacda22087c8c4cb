// The answers to forwarded requests: their fields, and bodies of all framings.

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <stop_token>

#include "origin/testing/forward_harness.h"

namespace cachey::origin {
namespace {

TEST_F(S3Forwards, BodiesOfAllFramingsAreRead) {
  const std::string body(100'000, 'b');
  std::string chunks;
  for (size_t at = 0; at < body.size(); at += 10'000)
    chunks += "2710\r\n" + body.substr(at, 10'000) + "\r\n";
  struct Row {
    std::string answer;
    std::optional<uint64_t> length;
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n", {}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body, 100'000},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body, {}},
  };
  for (const size_t piece : {1'000'000u, 7'777u}) {
    for (const Row& row : rows) {
      answer({row.answer});
      const Forwarded got = forward(list(), piece);
      EXPECT_EQ(got.status, 200u);
      EXPECT_EQ(got.length, row.length);
      EXPECT_EQ(got.broken, std::nullopt);
      EXPECT_EQ(got.body, body);
    }
  }
  EXPECT_EQ(server_.accepted(), 2) << "connections are kept, but for bodies that end with them";
}

TEST_F(S3Forwards, AnEmptyBodyEndsAtOnce) {
  for (const char* answered :
       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\nContent-Length: 9\r\n\r\n"}) {
    answer({answered});
    const Forwarded got = forward(list());
    EXPECT_GT(got.status, 0u) << answered;
    EXPECT_EQ(got.body, "");
    EXPECT_EQ(got.broken, std::nullopt);
  }
  EXPECT_EQ(server_.accepted(), 1);
}

TEST_F(S3Forwards, ABodyThatBreaksOffIsAnError) {
  s3_.config.limits.attempts_max = 3;
  for (const char* answered :
       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\nx"}) {
    answer({answered});
    const Forwarded got = forward(list());
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.body, "abc");
    EXPECT_EQ(got.broken, ErrorKind::kUpstream) << answered;
    EXPECT_EQ(asked_.methods(), "G");
  }
}

TEST_F(S3Forwards, ABodyThatStopsIsAnError) {
  s3_.config.limits.stall_timeout = std::chrono::milliseconds(50);
  answer({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"});
  const Forwarded got = forward(list());
  EXPECT_EQ(got.body, "abc");
  EXPECT_EQ(got.broken, ErrorKind::kTimeout);
}

TEST_F(S3Forwards, LinesAreTheSubjectsAlone) {
  answer({ok("x",
             "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: s\r\nSet-Cookie: a=b\r\nVia: 1.1 p\r\n"
             "X-Amz-Request-Id: 1\r\nx-amz-id-2: 2\r\nx-rgw-object-type: Normal\r\n"
             "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nAge: 3\r\n"
             "x-amz-bucket-region: eu\r\nX-Bad: a\x01\r\nX Bad: a\r\nX-Folded: a\r\n b\r\n"
             "x-amz-meta-n: \xc3\xbc \xff\r\nx-amz-mp-parts-count: 3\r\nX-Amz-Meta-N: 2\r\n"
             "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n")});
  EXPECT_EQ(forward(list()).lines,
            "x-amz-meta-n: \xc3\xbc \xff\r\nx-amz-mp-parts-count: 3\r\nX-Amz-Meta-N: 2\r\n"
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST_F(S3Forwards, AttributesOfAnySizePass) {
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "x-amz-meta-" + std::to_string(i) + ": " + std::string(500, 'v') + "\r\n";
  answer({ok("x", many)});
  EXPECT_EQ(forward(list()).lines, many);
  answer({ok("x", many + "x-amz-meta-z: " + std::string(64 * 1024, 'v') + "\r\n")});
  EXPECT_EQ(forward(list()).error, ErrorKind::kUpstream) << "past kHeadBytesMax";
}

TEST_F(S3Forwards, ACancelledOneClosesItsConnection) {
  std::stop_source stop;
  ForwardRequest request = list();
  request.stop = stop.get_token();
  answer({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"});
  std::future<Forwarded> got = s3_.workers.start(
      forward_all(s3_.origin(), s3_.workers.workers()[0], std::move(request), 100));
  EXPECT_TRUE(eventually([this] { return s3_.counters().requests == 1; }));
  rt::asio::post(s3_.workers.workers()[0].io(), [&stop] { stop.request_stop(); });
  const Forwarded forwarded = got.get();
  EXPECT_TRUE(forwarded.broken == ErrorKind::kCancelled ||
              forwarded.error == ErrorKind::kCancelled);
  EXPECT_TRUE(eventually([this] { return s3_.counters().connections_open == 0; }));
}

}  // namespace
}  // namespace cachey::origin
