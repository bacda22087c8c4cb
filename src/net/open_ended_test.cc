// Responses of unknown length: how their bodies end, and how breaks show.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_test_client.h"

namespace cachey::net {
namespace {

std::string decoded(const std::string& chunks) {
  std::string body;
  for (size_t at = 0; at < chunks.size();) {
    const size_t size = std::strtoull(&chunks[at], nullptr, 16);
    if (size == 0) break;
    at = chunks.find("\r\n", at) + 2;
    body += chunks.substr(at, size);
    at += size + 2;
  }
  return body;
}

TEST(OpenEnded, Http11SendsChunksAndKeepsTheConnection) {
  TestServer server;
  TestClient client(server.port);
  for (const size_t size : {0u, 1u, 1000u, 2500u, 3'000'000u}) {
    client.get("/open/" + std::to_string(size));
    const auto response = client.response();
    EXPECT_TRUE(response.has("Transfer-Encoding: chunked"));
    EXPECT_FALSE(response.head.contains("Content-Length"));
    EXPECT_FALSE(response.head.contains("Trailer"));
    EXPECT_FALSE(response.head.contains("Connection"));
    EXPECT_TRUE(response.whole);
    EXPECT_TRUE(decoded(response.body) == body_bytes(size)) << size;
    EXPECT_TRUE(response.body.ends_with("0\r\n\r\n"));
  }
  EXPECT_EQ(server.stats().connections_total, 1u);
}

TEST(OpenEnded, Http11SendsTrailersIfAskedTo) {
  TestServer server;
  TestClient client(server.port);
  client.get("/open/5", "TE: trailers\r\n");
  const auto response = client.response();
  EXPECT_TRUE(response.has("Trailer: X"));
  EXPECT_EQ(response.body, "5\r\n" + body_bytes(5) + "\r\n0\r\nX: end\r\n\r\n");
}

TEST(OpenEnded, AHeadHasNoFraming) {
  TestServer server;
  for (const char* version : {"1.1", "1.0"}) {
    TestClient client(server.port);
    for (int i = 0; i < 2; ++i) {
      client.send("HEAD /open/5 HTTP/" + std::string(version) +
                  "\r\nHost: t\r\nConnection: keep-alive\r\n\r\n");
      const auto response = client.response(true);
      EXPECT_EQ(response.status, 200);
      EXPECT_FALSE(response.head.contains("Content-Length"));
      EXPECT_FALSE(response.head.contains("Transfer-Encoding"));
      EXPECT_FALSE(response.has("Connection: close"));
    }
  }
  EXPECT_EQ(server.stats().connections_total, 2u);
}

TEST(OpenEnded, Http10EndsWithTheConnection) {
  TestServer server;
  for (const size_t size : {0u, 1u, 2500u, 3'000'000u}) {
    for (const char* more : {"", "Connection: keep-alive\r\n"}) {
      TestClient client(server.port);
      client.send("GET /open/" + std::to_string(size) + " HTTP/1.0\r\n" + more + "\r\n");
      const auto head = client.response(true);
      EXPECT_TRUE(head.has("Connection: close"));
      EXPECT_FALSE(head.head.contains("Content-Length"));
      EXPECT_FALSE(head.head.contains("Transfer-Encoding"));
      EXPECT_TRUE(client.rest() == body_bytes(size)) << size;
      EXPECT_TRUE(client.ended());
      EXPECT_FALSE(client.reset());
    }
  }
}

TEST(OpenEnded, ABreakOfHttp11LacksTheLastChunk) {
  TestServer server;
  for (const size_t size : {0u, 1000u, 4000u, 3'000'000u}) {
    TestClient client(server.port);
    client.get("/open-half/" + std::to_string(size + 2));
    const auto response = client.response();
    EXPECT_FALSE(response.whole);
    EXPECT_FALSE(response.body.ends_with("0\r\n\r\n"));
    EXPECT_TRUE(client.ended() || client.reset());
  }
}

TEST(OpenEnded, ABreakOfHttp10IsAReset) {
  TestServer server;
  for (const size_t size : {2u, 4000u, 3'000'000u}) {
    TestClient client(server.port);
    client.send("GET /open-half/" + std::to_string(size) + " HTTP/1.0\r\n\r\n");
    (void)client.rest();
    EXPECT_TRUE(client.reset()) << size;
    EXPECT_FALSE(client.ended()) << size;
  }
  TestServer tls(tls_config());
  TlsTestClient client(tls.port);
  client.send("GET /open-half/4000 HTTP/1.0\r\n\r\n");
  (void)client.rest();
  EXPECT_FALSE(client.ended()) << "no close_notify";
}

TEST(OpenEnded, AServerThatStopsBreaksHttp10Off) {
  auto server = std::make_unique<TestServer>();
  TestClient client(server->port);
  client.send("GET /open-hang/4000 HTTP/1.0\r\n\r\n");
  ASSERT_EQ(client.response(true).status, 200);
  ASSERT_EQ(client.take(4000), body_bytes(4000));
  server->server().drain(std::chrono::milliseconds(10));
  server.reset();
  (void)client.rest();
  EXPECT_TRUE(client.reset());
}

TEST(OpenEnded, Http2HasNoLength) {
  TestServer server;
  TestHttp2Client client(server.port);
  for (const size_t size : {0u, 1u, 1000u, 2500u, 3'000'000u}) {
    const auto& response = client.fetch("/open/" + std::to_string(size));
    EXPECT_EQ(response.field("content-length"), "");
    EXPECT_TRUE(response.whole) << size;
    EXPECT_TRUE(response.body == body_bytes(size)) << size;
    EXPECT_EQ(response.reset, NGHTTP2_NO_ERROR);
  }
  const int32_t head = client.request("HEAD", "/open/5");
  EXPECT_TRUE(client.wait(head).whole);
  EXPECT_EQ(client.responses[head].body, "");
  const int32_t with_trailers = client.get("/open/5", {{"te", "trailers"}});
  EXPECT_TRUE(client.wait(with_trailers).whole);
  EXPECT_EQ(client.responses[with_trailers].body, body_bytes(5));
  EXPECT_EQ(client.responses[with_trailers].trailers, TestFields({{"x", "end"}}));
}

TEST(OpenEnded, Http2EndsWhenTheWindowOpens) {
  TestServer server;
  TestHttp2Client client(server.port, {.stream_window = 2500, .renews_windows = false});
  const int32_t id = client.get("/open/2500");
  const int32_t empty = client.get("/open/0");
  ASSERT_TRUE(client.until([&] { return client.responses[id].body.size() == 2500; }));
  EXPECT_TRUE(client.wait(empty).whole);
  client.let(id, 1);
  EXPECT_TRUE(client.wait(id).whole);
  EXPECT_EQ(client.responses[id].body, body_bytes(2500));
}

TEST(OpenEnded, AWindowThatStaysClosedEndsTheStream) {
  ServerConfig config;
  config.write_timeout = std::chrono::milliseconds(300);
  TestServer server(config);
  TestHttp2Client client(server.port, {.stream_window = 2500, .renews_windows = false});
  const int32_t id = client.get("/open/2500");
  const auto& response = client.wait(id);
  EXPECT_EQ(response.body, body_bytes(2500));
  EXPECT_FALSE(response.whole) << "the frame that ends the body waits for a window";
  EXPECT_EQ(response.reset, NGHTTP2_CANCEL);
}

TEST(OpenEnded, ABreakOfHttp2IsAReset) {
  TestServer server;
  TestHttp2Client client(server.port);
  for (const size_t size : {2u, 4000u, 3'000'000u}) {
    const auto& response = client.fetch("/open-half/" + std::to_string(size));
    EXPECT_FALSE(response.whole) << size;
    EXPECT_EQ(response.reset, NGHTTP2_INTERNAL_ERROR) << size;
  }
  EXPECT_TRUE(client.fetch("/open/5").whole);
}

}  // namespace
}  // namespace cachey::net
