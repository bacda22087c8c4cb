#include "net/http2/limits.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/http2/token_bucket.h"
#include "net/server.h"
#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"

namespace cachey::net::http2 {
namespace {

using namespace std::chrono_literals;
using Wire = TestHttp2Wire;

constexpr uint8_t kWholeRequest = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;

void expect_serves_others(TestServer& server) {
  TestHttp2Client client(server.port);
  EXPECT_EQ(client.fetch("/bytes/5").body, body_bytes(5));
}

TEST(Http2Limits, MalformedFramesEndTheConnectionWithTheirCode) {
  const std::pair<uint32_t, std::string> cases[] = {
      {NGHTTP2_PROTOCOL_ERROR, Wire::get_frame(2, "/bytes/5")},  // an even stream
      {NGHTTP2_PROTOCOL_ERROR, Wire::get_frame(0, "/bytes/5")},
      {NGHTTP2_PROTOCOL_ERROR, Wire::frame(NGHTTP2_DATA, 0, 1, "x")},  // an idle stream
      {NGHTTP2_PROTOCOL_ERROR, Wire::frame(NGHTTP2_RST_STREAM, 0, 1, Wire::number(8, 4))},
      {NGHTTP2_PROTOCOL_ERROR, Wire::frame(NGHTTP2_WINDOW_UPDATE, 0, 1, Wire::number(8, 4))},
      {NGHTTP2_PROTOCOL_ERROR, Wire::frame(NGHTTP2_CONTINUATION, 0, 1, "")},
      {NGHTTP2_PROTOCOL_ERROR, Wire::frame(NGHTTP2_PUSH_PROMISE, 4, 1, Wire::number(2, 4))},
      {NGHTTP2_PROTOCOL_ERROR, Wire::frame(NGHTTP2_HEADERS, 1, 1, Wire::get_fields("/")) +
                                   Wire::frame(NGHTTP2_PING, 0, 0, "12345678")},
      {NGHTTP2_FRAME_SIZE_ERROR, Wire::frame(NGHTTP2_PING, 0, 0, "1234")},
      {NGHTTP2_FRAME_SIZE_ERROR, Wire::frame(NGHTTP2_SETTINGS, 0, 0, "1234")},
      {NGHTTP2_FRAME_SIZE_ERROR, Wire::number(16'385, 3) + std::string("\0\0\0\0\0\1", 6)},
      {NGHTTP2_COMPRESSION_ERROR,
       Wire::frame(NGHTTP2_HEADERS, kWholeRequest, 1, "\xff\xff\xff\xff\xff")},
      {NGHTTP2_FLOW_CONTROL_ERROR,
       Wire::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Wire::number(0x7fffffff, 4))},
      {NGHTTP2_FLOW_CONTROL_ERROR,  // SETTINGS_INITIAL_WINDOW_SIZE past 2^31 - 1
       Wire::frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + Wire::number(0x80000000, 4))},
  };
  TestServer server;
  for (const auto& [code, frames] : cases) {
    Wire client(server.port);
    client.wire.send(frames);
    EXPECT_EQ(client.goaway(), code) << "case " << &frames - &cases[0].second;
    EXPECT_EQ(client.next().type, 0xff);
  }
  EXPECT_EQ(server.stats().bad_requests, std::size(cases));
  expect_serves_others(server);
}

TEST(Http2Limits, WhatIsNoRequestIsReset) {
  const std::string start = Wire::field(":method", "GET") + Wire::field(":scheme", "http");
  const std::string cases[] = {
      start + Wire::field(":authority", "t"),                      // no path
      start + Wire::field(":path", "/"),                           // no authority
      Wire::get_fields("/") + Wire::field("connection", "close"),  // of HTTP/1.1
      Wire::get_fields("/") + Wire::field("Upper", "x"),
      Wire::get_fields("/") + Wire::field("x", "a\nb"),
      Wire::get_fields("/") + Wire::field("bad name", "x"),
      Wire::get_fields("/") + Wire::field(":path", "/"),
      Wire::get_fields("/") + Wire::field("content-length", "5"),  // and no body
      Wire::get_fields(""),
  };
  TestServer server;
  Wire client(server.port);
  uint32_t stream = 1;
  for (const std::string& fields : cases) {
    client.send(NGHTTP2_HEADERS, kWholeRequest, stream, fields);
    const Wire::Frame reset = client.next(NGHTTP2_RST_STREAM);
    EXPECT_EQ(reset.stream, static_cast<int32_t>(stream));
    EXPECT_EQ(reset.payload, Wire::number(NGHTTP2_PROTOCOL_ERROR, 4)) << fields;
    stream += 2;
  }
  EXPECT_EQ(server.stats().requests, 0u);
  EXPECT_EQ(server.stats().bad_requests, std::size(cases));
  client.wire.send(Wire::get_frame(stream, "/bytes/5"));
  EXPECT_EQ(client.next(NGHTTP2_HEADERS).stream, static_cast<int32_t>(stream));
}

TEST(Http2Limits, TargetsAndHostsAreLookedAt) {
  TestServer server;
  TestHttp2Client client(server.port);
  EXPECT_EQ(client.fetch("/a#b").status, 400);
  EXPECT_EQ(client.wait(client.request("CONNECT", "")).status, 0);
  EXPECT_EQ(client.fetch("/bytes/5").body, body_bytes(5));
}

TEST(Http2Limits, ARequestJustBeforeAnErrorEnds) {
  TestServer server;
  Wire client(server.port);
  client.wire.send(Wire::get_frame(1, "/bytes/50000") + Wire::frame(NGHTTP2_DATA, 0, 3, "x"));
  EXPECT_EQ(client.goaway(), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  expect_serves_others(server);
}

TEST(Http2Limits, GreedyConnectionsLeaveRoomForOthers) {
  constexpr std::string_view kNoWindow("\0\4\0\0\0\0", 6);  // SETTINGS_INITIAL_WINDOW_SIZE
  TestServer server({}, 1);
  for (const size_t large : {0, 30}) {  // fields of 100 bytes
    std::string fields = Wire::get_fields("/bytes/5");
    TestFields list;
    for (size_t i = 0; i < large; ++i) {
      list.emplace_back("x-" + std::to_string(i), std::string(100, 'x'));
      fields += Wire::field(list.back().first, list.back().second);
    }
    std::deque<Wire> greedy;
    for (int i = 0; i < 100; ++i) {
      Wire& client = greedy.emplace_back(server.port, kNoWindow);
      std::string frames;
      for (uint32_t stream = 1; stream < 2 * kStreamsMax; stream += 2) {
        frames += Wire::frame(NGHTTP2_HEADERS, kWholeRequest, stream, fields);
      }
      client.wire.send(frames);
    }
    TestHttp2Client client(server.port);
    std::vector<int32_t> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(client.get("/bytes/5", list));
    for (const int32_t id : ids) EXPECT_EQ(client.wait(id).body, body_bytes(5));
  }
}

TEST(Http2Limits, TheFirstFrameIsSettings) {
  TestServer server;
  TestClient wire(server.port);
  wire.send(std::string(Wire::kPreface) + Wire::get_frame(1, "/bytes/5"));
  while (wire.receive()) continue;
  EXPECT_TRUE(wire.ended());
  EXPECT_EQ(server.stats().requests, 0u);
  EXPECT_EQ(server.stats().bad_requests, 1u);
}

TEST(Http2Limits, TooLargeAHeadIs431) {
  TestServer server;
  TestHttp2Client client(server.port);
  const auto get = [&](size_t bytes) {
    return client.wait(client.get("/bytes/1", {{"x", std::string(bytes, 'x')}})).status;
  };
  EXPECT_EQ(get(15'000), 206);
  EXPECT_EQ(get(16'384), 431);
  EXPECT_EQ(get(50'000), 431);
  TestFields many;
  for (int i = 0; i < 100; ++i) many.emplace_back("x", "y");
  EXPECT_EQ(client.wait(client.get("/bytes/1", many)).status, 431);
  many.resize(99);  // and host
  EXPECT_EQ(client.wait(client.get("/bytes/1", many)).status, 206);
}

TEST(Http2Limits, AHeadThatUnfoldsIsNotUnfoldedFarther) {
  TestServer server;
  Wire client(server.port);
  // One field of 4,000 bytes for the table, then thousands of references to it.
  std::string fields =
      Wire::get_fields("/") + "\x40\x01x\x7f" + "\xa1\x1e" + std::string(4000, 'v');
  fields += std::string(10'000, '\xbe');
  client.send(NGHTTP2_HEADERS, kWholeRequest, 1, fields);
  EXPECT_EQ(client.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST(Http2Limits, AFloodOfContinuationsEndsTheConnection) {
  TestServer server;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16'384}}) {
    Wire client(server.port);
    client.send(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, Wire::get_fields("/"));
    const std::string piece = Wire::frame(NGHTTP2_CONTINUATION, 0, 1, std::string(size, 'x'));
    for (int i = 0; i < 12; ++i) client.wire.send(piece);  // less than kLingerBytesMin
    EXPECT_EQ(client.goaway(), NGHTTP2_ENHANCE_YOUR_CALM) << size;
  }
  expect_serves_others(server);
}

TEST(Http2Limits, WhatIsPaidForIsMoreAtOnce) {
  MonoTime now;
  TokenBucket bucket(10, 1, now);
  const auto take_all = [&] {
    int count = 0;
    while (bucket.take(now)) ++count;
    return count;
  };
  bucket.give(5);
  EXPECT_EQ(take_all(), 10);
  bucket.give(60, 100);
  bucket.give(5);
  now += 20s;
  EXPECT_EQ(take_all(), 60);
  bucket.give(99, 100);
  bucket.give(99, 100);
  EXPECT_EQ(take_all(), 100);
  now += 20s;
  EXPECT_EQ(take_all(), 10);
}

/// Sends `frames` until the server ends the connection, or `count_max` are sent.
std::optional<uint32_t> flood(TestServer& server, const std::string& frames, int count_max) {
  Wire client(server.port);
  std::string many;
  for (int i = 0; i < 100; ++i) many += frames;
  for (int i = 0; i < count_max; i += 100) {
    if (!client.wire.send(many)) break;
  }
  return client.goaway();
}

TEST(Http2Limits, FloodsOfChatterEndTheConnection) {
  const std::string floods[] = {
      Wire::frame(NGHTTP2_SETTINGS, 0, 0, ""),
      Wire::frame(NGHTTP2_PING, 0, 0, "12345678"),
      Wire::frame(NGHTTP2_PRIORITY, 0, 1, Wire::number(3, 4) + "x"),
      Wire::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Wire::number(1, 4)),
  };
  TestServer server;
  for (const std::string& frames : floods) {
    EXPECT_EQ(flood(server, frames, 3000), NGHTTP2_ENHANCE_YOUR_CALM) << int{frames[3]};
  }
  Wire client(server.port);
  client.send(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, Wire::get_fields("/wait"));
  std::string empty;
  for (int i = 0; i < 3000; ++i) empty += Wire::frame(NGHTTP2_DATA, 0, 1, "");
  client.wire.send(empty);
  EXPECT_EQ(client.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  server.handler.released = true;
  expect_serves_others(server);
}

TEST(Http2Limits, RequestsPayForTheChatterThatComesWithThem) {
  TestServer server;
  TestHttp2Client client(server.port);
  for (int i = 0; i < 3000; ++i) {
    nghttp2_submit_ping(client.session(), NGHTTP2_FLAG_NONE, nullptr);
    nghttp2_submit_ping(client.session(), NGHTTP2_FLAG_NONE, nullptr);
    ASSERT_EQ(client.fetch("/bytes/5").body.size(), 5u);
  }
}

TEST(Http2Limits, WhatIsSentMayBeAskedForInSmallSteps) {
  constexpr size_t kSize = 20'000'000;
  constexpr uint32_t kStep = 4096;
  TestServer server;
  TestHttp2Client client(
      server.port,
      {.stream_window = 4 << 20, .connection_window = 1 << 30, .renews_windows = false});
  const int32_t id = client.get("/bytes/" + std::to_string(kSize));
  const auto& response = client.responses[id];
  size_t renewed = 0;
  client.until([&] {
    for (; renewed + kStep <= response.body.size(); renewed += kStep) {
      client.let(0, kStep);
      client.let(id, kStep);
    }
    return response.over;
  });
  EXPECT_TRUE(response.whole);
  EXPECT_TRUE(response.body == body_bytes(kSize)) << response.body.size();
  EXPECT_EQ(client.fetch("/bytes/5").body, body_bytes(5));
  EXPECT_FALSE(client.goaway);
}

TEST(Http2Limits, WhatIsSentMayBeAskedForAfterIt) {
  constexpr size_t kSize = 20'000'000;
  TestServer server;
  TestHttp2Client client(
      server.port,
      {.stream_window = 1 << 30, .connection_window = 1 << 30, .renews_windows = false});
  EXPECT_TRUE(client.fetch("/bytes/" + std::to_string(kSize)).whole);
  for (size_t at = 0; at < kSize; at += 2048) client.let(0, 2048);
  EXPECT_EQ(client.fetch("/bytes/5").body, body_bytes(5));
  EXPECT_FALSE(client.goaway);
}

TEST(Http2Limits, ADownloadPaysForNoFlood) {
  TestServer server;
  TestHttp2Client client(server.port);
  EXPECT_TRUE(client.fetch("/bytes/1000000").whole);
  for (int i = 0; i < 5000; ++i) client.let(0, 1);
  client.wait_for_end();
  EXPECT_EQ(client.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST(Http2Limits, RapidResetsEndTheConnection) {
  TestServer server;
  Wire client(server.port);
  uint32_t stream = 1;
  for (int i = 0; i < 20'000; ++i, stream += 2) {
    const std::string both = Wire::get_frame(stream, "/wait") +
                             Wire::frame(NGHTTP2_RST_STREAM, 0, stream, Wire::number(8, 4));
    if (!client.wire.send(both)) break;
  }
  EXPECT_EQ(client.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_LE(server.handler.waiting, static_cast<int>(kHandlersMax));
  EXPECT_LT(server.stats().http2_resets, 3000u);
  server.handler.released = true;
  expect_serves_others(server);
}

/// As behind a proxy when a store hangs.
TEST(Http2Limits, ResetsOfOldRequestsAreFree) {
  TestServer server({}, 1);
  TestHttp2Client client(server.port);
  constexpr int kRounds = 14;
  constexpr int kRequests = 100;
  static_assert(kRounds * kRequests > kResetsBurst + 3 * kResetsPerSecond);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<int32_t> ids;
    for (int i = 0; i < kRequests; ++i) ids.push_back(client.get("/hang/0"));
    ASSERT_TRUE(client.send());
    ASSERT_TRUE(eventually([&] { return server.handler.waiting == kRequests; }));
    std::this_thread::sleep_for(kQuickReset + 1ms);
    for (const int32_t id : ids) client.reset(id);
    ASSERT_TRUE(client.send());
    ASSERT_TRUE(eventually([&] { return server.handler.waiting == 0; }));
  }
  EXPECT_EQ(client.fetch("/bytes/5").body, body_bytes(5));
  EXPECT_FALSE(client.goaway);
}

TEST(Http2Limits, ResetsThatTheClientMakesUsSendCountToo) {
  TestServer server;
  Wire client(server.port);
  uint32_t stream = 1;
  for (int i = 0; i < 3000; ++i, stream += 2) {  // too large a window
    const std::string both =
        Wire::get_frame(stream, "/wait") +
        Wire::frame(NGHTTP2_WINDOW_UPDATE, 0, stream, Wire::number(0x7fffffff, 4));
    if (!client.wire.send(both)) break;
  }
  EXPECT_EQ(client.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_LE(server.handler.waiting, static_cast<int>(kHandlersMax));
  server.handler.released = true;
}

TEST(Http2Limits, StreamsAreCountedUntilTheirHandlersEnd) {
  TestServer server;
  Wire client(server.port);
  const auto max = static_cast<uint32_t>(kHandlersMax);
  for (uint32_t i = 0; i < max; ++i) {
    client.wire.send(Wire::get_frame(2 * i + 1, "/wait"));
    ASSERT_TRUE(eventually([&] { return server.handler.waiting == static_cast<int>(i + 1); }));
    client.send(NGHTTP2_RST_STREAM, 0, 2 * i + 1, Wire::number(8, 4));
    ASSERT_TRUE(eventually([&] { return server.stats().http2_resets == i + 1; }));
  }
  client.wire.send(Wire::get_frame(2 * max + 1, "/bytes/5"));
  const Wire::Frame refused = client.next(NGHTTP2_RST_STREAM);
  EXPECT_EQ(refused.stream, static_cast<int32_t>(2 * max + 1));
  EXPECT_EQ(refused.payload, Wire::number(NGHTTP2_REFUSED_STREAM, 4));
  server.handler.released = true;
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 0; }));
}

/// Requests past the limits are refused, but that is no fault of the client.
TEST(Http2Limits, RefusalsEndNoConnection) {
  TestServer server;
  Wire client(server.port);
  const auto max = static_cast<uint32_t>(kStreamsMax);
  const auto refusals = static_cast<uint32_t>(kResetsBurst) + 500;
  for (uint32_t i = 0; i < max; ++i) client.wire.send(Wire::get_frame(2 * i + 1, "/wait"));
  for (uint32_t i = max; i < max + refusals; ++i) {
    client.wire.send(Wire::get_frame(2 * i + 1, "/bytes/5"));
    ASSERT_EQ(client.reset(), NGHTTP2_REFUSED_STREAM) << i;
  }
  server.handler.released = true;
  client.wire.send(Wire::get_frame(2 * (max + refusals) + 1, "/bytes/5"));
  EXPECT_EQ(client.next(NGHTTP2_DATA).payload.size(), 5u);
}

}  // namespace
}  // namespace cachey::net::http2
