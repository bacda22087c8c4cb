#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "net/http2/limits.h"
#include "net/http2/token_bucket.h"
#include "net/server.h"
#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"

namespace cachey::net::http2 {
namespace {

using namespace std::chrono_literals;
using Wire = TestHttp2Wire;

constexpr uint8_t kWhole = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;

void expect_serves(TestServer& server) {
  TestHttp2Client client(server.port);
  EXPECT_EQ(client.fetch("/bytes/5").body, body_bytes(5));
}

TEST(Http2Frames, FramesOnClosedStreamsEndTheConnection) {
  const std::string data = Wire::frame(NGHTTP2_DATA, 0, 5, "x");
  const std::string reset = Wire::frame(NGHTTP2_RST_STREAM, 0, 5, Wire::number(8, 4));
  const std::pair<uint32_t, std::string> cases[] = {
      {NGHTTP2_PROTOCOL_ERROR, Wire::get_frame(3, "/bytes/5")},
      {NGHTTP2_PROTOCOL_ERROR, Wire::frame(NGHTTP2_DATA, 0, 3, "x")},
      {NGHTTP2_STREAM_CLOSED, Wire::get_frame(5, "/bytes/5")},
      {NGHTTP2_STREAM_CLOSED, data},
      {NGHTTP2_STREAM_CLOSED, reset + data},
      {NGHTTP2_STREAM_CLOSED, reset + Wire::get_frame(5, "/bytes/5")},
  };
  TestServer server;
  for (const auto& [code, frames] : cases) {
    Wire client(server.port);
    client.wire.send(Wire::get_frame(1, "/bytes/5") + Wire::get_frame(5, "/bytes/5"));
    Wire::Frame frame = client.next(NGHTTP2_HEADERS);
    while (frame.stream != 5 || (frame.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
      frame = client.next(NGHTTP2_HEADERS);
      ASSERT_NE(frame.type, 0xff);
    }
    client.wire.send(frames);
    EXPECT_EQ(client.goaway(), code) << "case " << &frames - &cases[0].second;
  }
  expect_serves(server);
}

/// Frames that were on their way when we reset their stream.
TEST(Http2Frames, FramesAfterOurResetArePassedOver) {
  TestServer server;
  Wire client(server.port);
  const std::string fields = Wire::field(":method", "GET");  // malformed
  client.send(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, fields);
  EXPECT_EQ(client.reset(), NGHTTP2_PROTOCOL_ERROR);
  client.send(NGHTTP2_DATA, 0, 1, "x");
  client.send(NGHTTP2_HEADERS, kWhole, 1, Wire::field("trailer", "t"));
  client.wire.send(Wire::get_frame(3, "/bytes/5"));
  EXPECT_EQ(client.next(NGHTTP2_DATA).payload.size(), 5u);
}

/// A client that does not know our SETTINGS yet may open too many streams, and send their bodies.
TEST(Http2Frames, BodiesOfRefusedStreamsArePassedOver) {
  constexpr uint32_t kSurplus = 5;
  TestServer server;
  Wire client(server.port);
  std::string frames;
  for (uint32_t i = 0; i < kStreamsMax + kSurplus; ++i) {
    frames += Wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2 * i + 1,
                          Wire::get_fields("/wait"));
    frames += Wire::frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 2 * i + 1, "");
  }
  client.wire.send(frames);
  for (uint32_t i = 0; i < kSurplus; ++i) EXPECT_EQ(client.reset(), NGHTTP2_REFUSED_STREAM);
  server.handler.released = true;
  for (size_t i = 0; i < kStreamsMax; ++i) {
    ASSERT_EQ(client.next(NGHTTP2_DATA).type, NGHTTP2_DATA) << i;
  }
}

/// Frames that nghttp2 ignores, and frames made by windows of a few bytes.
TEST(Http2Frames, FloodsOfIgnoredFramesEndTheConnection) {
  TestServer server;
  const std::string malformed =
      Wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, Wire::field(":method", "GET"));
  const std::string window = Wire::frame(NGHTTP2_WINDOW_UPDATE, 0, 1, Wire::number(10, 4));
  const std::pair<std::string, std::string> floods[] = {
      {malformed, Wire::frame(NGHTTP2_DATA, 0, 1, "")},
      {malformed, Wire::frame(NGHTTP2_HEADERS, kWhole, 1, Wire::field("trailer", "t"))},
      {"", Wire::frame(0x42, 0, 0, "unknown")},
      {"", Wire::frame(NGHTTP2_PRIORITY, 0, 1, "12345")},
      {Wire::get_frame(1, "/bytes/1000000"), window},
  };
  for (const auto& [before, frame] : floods) {
    Wire client(server.port, std::string("\0\4\0\0\0\0", 6));
    client.wire.send(before);
    for (int i = 0; i < 20 * static_cast<int>(kChatterBurst); ++i) {
      if (!client.wire.send(frame)) break;
    }
    EXPECT_EQ(client.goaway(), NGHTTP2_ENHANCE_YOUR_CALM) << &before - &floods[0].first;
  }
  expect_serves(server);
}

/// A SETTINGS frame that opens many windows by a byte costs a frame for each of them.
TEST(Http2Frames, SettingsThatDribbleEndTheConnection) {
  TestServer server;
  Wire client(server.port, std::string("\0\4\0\0\0\0", 6));
  constexpr uint32_t kStreams = 100;
  for (uint32_t i = 0; i < kStreams; ++i) {
    client.wire.send(Wire::get_frame(2 * i + 1, "/bytes/1000"));
  }
  const auto open_windows = [&client](uint32_t bytes) {
    client.send(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + Wire::number(bytes, 4));
  };
  open_windows(1);
  uint32_t bytes = 0;
  Wire::Frame frame = client.next();
  for (; frame.type != NGHTTP2_GOAWAY && frame.type != 0xff; frame = client.next()) {
    if (frame.type == NGHTTP2_DATA && ++bytes % kStreams == 0) open_windows(bytes / kStreams + 1);
  }
  EXPECT_EQ(frame.type, NGHTTP2_GOAWAY);
  EXPECT_LT(bytes, 2 * static_cast<uint32_t>(kChatterBurst));
}

/// As clients with little memory do.
TEST(Http2Frames, WindowsOfAKilobytePayForThemselves) {
  TestServer server;
  TestHttp2Client client(server.port, {.stream_window = 1023});
  EXPECT_EQ(client.fetch("/bytes/5000000").body.size(), 5'000'000u);
  EXPECT_FALSE(client.goaway);
}

}  // namespace
}  // namespace cachey::net::http2
