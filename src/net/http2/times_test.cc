// Slow HTTP/2 clients, and the time limits.

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>

#include "net/http2/limits.h"
#include "net/server.h"
#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"

namespace cachey::net::http2 {
namespace {

using namespace std::chrono_literals;
using Wire = TestHttp2Wire;

TEST(Http2Times, ASlowPrefaceIs408AndASlowHeadEndsTheConnection) {
  ServerConfig config;
  config.head_timeout = 100ms;
  TestServer server(config);
  TestClient preface(server.port);
  preface.send(Wire::kPreface.substr(0, 10));
  EXPECT_EQ(preface.response().status, 408);
  TestClient silent(server.port);  // no SETTINGS
  silent.send(Wire::kPreface);
  while (silent.receive()) continue;
  EXPECT_TRUE(silent.ended());
  Wire head(server.port);
  head.send(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, Wire::get_fields("/"));
  EXPECT_EQ(head.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST(Http2Times, AnIdleConnectionEndsWhateverItsPings) {
  ServerConfig config;
  config.idle_timeout = 200ms;
  TestServer server(config);
  TestHttp2Client client(server.port);
  EXPECT_EQ(client.fetch("/bytes/5").body, body_bytes(5));
  do {  // fewer than the limit of such frames
    std::this_thread::sleep_for(10ms);
    nghttp2_submit_ping(client.session(), NGHTTP2_FLAG_NONE, nullptr);
  } while (client.step() && !client.goaway);
  EXPECT_EQ(client.goaway, NGHTTP2_NO_ERROR);
}

TEST(Http2Times, AfterASlowResponseAConnectionGivesWay) {
  ServerConfig config;
  config.connections_max = 2;
  TestServer server(config, 1);
  TestHttp2Client served(server.port);
  const int32_t waits = served.get("/wait");
  served.send();
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  server.handler.released = true;
  EXPECT_EQ(served.wait(waits).body, body_bytes(5));
  server.handler.released = false;
  TestHttp2Client resets(server.port);
  const int32_t hangs = resets.get("/hang/0");
  resets.send();
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  nghttp2_submit_rst_stream(resets.session(), NGHTTP2_FLAG_NONE, hangs, NGHTTP2_CANCEL);
  resets.send();
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 0; }));
  std::this_thread::sleep_for(AwaitedSockets::kWaitMin + 50ms);
  TestClient first(server.port);  // stays
  first.get("/bytes/5");
  EXPECT_EQ(first.response().status, 206);
  TestClient second(server.port);
  second.get("/bytes/5");
  EXPECT_EQ(second.response().status, 206);
}

TEST(Http2Times, ATimeThatEndsNothingIsForgotten) {
  ServerConfig config;
  config.idle_timeout = 100ms;
  TestServer server(config, 1);
  TestHttp2Client client(server.port, {.stream_window = 1000,
                                       .connection_window = 1 << 30,
                                       .renews_windows = false,
                                       .receive_buffer = 4096});
  const int32_t id = client.get("/bytes/20000000");
  ASSERT_TRUE(client.until([&] { return client.responses[id].body.size() == 1000; }));
  client.send();
  TestHttp2Client first(server.port);
  TestHttp2Client second(server.port);
  for (TestHttp2Client* other : {&first, &second}) {
    other->get("/wait");  // so that the connection is not idle
    other->send();
  }
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 2; }));
  // The worker is blocked until the time limit of the wait is over, and again before it has checked
  // the limit. Then the client opens its window, and the response fills the socket.
  first.get("/block/300");
  first.send();
  ASSERT_TRUE(eventually([&] { return server.handler.blocks == 1; }));
  second.get("/block/300");
  second.send();
  ASSERT_TRUE(eventually([&] { return server.handler.blocks == 2; }));
  client.let(id, 20'000'000);
  EXPECT_TRUE(client.wait(id).whole);
  server.handler.released = true;
}

TEST(Http2Times, AWindowThatStaysClosedResetsItsStream) {
  ServerConfig config;
  config.write_timeout = 200ms;
  TestServer server(config);
  TestHttp2Client client(server.port, {.stream_window = 1000, .renews_windows = false});
  const int32_t id = client.get("/bytes/2000");
  const auto& response = client.wait(id);
  EXPECT_FALSE(response.whole);
  EXPECT_EQ(response.reset, NGHTTP2_CANCEL);
  EXPECT_TRUE(eventually([&] { return server.handler.unwritable == 1; }));
  EXPECT_EQ(client.fetch("/bytes/1000").body, body_bytes(1000));
}

/// Lets the server send `bytes` on `stream` (0: the connection) each 50 ms. Returns whether the
/// response was whole.
bool trickle(TestHttp2Client& client, int32_t id, int32_t stream, uint32_t bytes) {
  for (int i = 0; i < 100 && !client.responses[id].over; ++i) {
    std::this_thread::sleep_for(50ms);
    client.let(stream, bytes);
    nghttp2_submit_ping(client.session(), NGHTTP2_FLAG_NONE, nullptr);  // for an answer to read
    if (!client.step()) break;
  }
  return client.responses[id].whole;
}

TEST(Http2Times, ATrickleOfWindowKeepsNoStream) {
  ServerConfig config;
  config.write_timeout = 400ms;
  TestServer server(config);
  TestHttp2Client client(server.port, {.stream_window = 1000, .renews_windows = false});
  const int32_t id = client.get("/bytes/100000");
  EXPECT_FALSE(trickle(client, id, id, 1));
  EXPECT_EQ(client.responses[id].reset, NGHTTP2_CANCEL);
  const int32_t slow = client.get("/bytes/60000");
  EXPECT_TRUE(trickle(client, slow, slow, 4000));  // takes longer, and gets kLeastBytes in time
}

TEST(Http2Times, ATrickleOfTheConnectionsWindowKeepsNoStream) {
  ServerConfig config;
  config.write_timeout = 400ms;
  TestServer server(config);
  TestHttp2Client client(
      server.port,
      {.stream_window = 1 << 30, .connection_window = 65'535, .renews_windows = false});
  const int32_t id = client.get("/bytes/1000000");
  EXPECT_FALSE(trickle(client, id, 0, 1));
  EXPECT_EQ(client.responses[id].reset, NGHTTP2_CANCEL);
}

TEST(Http2Times, ManyClientsThatTakeNothingHoldLittle) {
  constexpr size_t kCount = 300;
  std::atomic<int64_t> charged{0};
  ServerConfig config;
  config.charge = [&charged](int64_t bytes) { charged += bytes; };
  TestServer server(config, 1);
  std::deque<TestHttp2Client> clients;
  for (size_t i = 0; i < kCount; ++i) {
    clients.emplace_back(server.port, TestHttp2Client::Options{.stream_window = 1 << 30,
                                                               .connection_window = 1 << 30,
                                                               .receive_buffer = 4096});
    clients.back().get("/bytes/600000");
    clients.back().send();
    ASSERT_TRUE(eventually([&] { return server.stats().requests == i + 1; }));
  }
  EXPECT_GT(charged, int64_t{kUnsentMax} / 2);
  EXPECT_LT(charged, int64_t{kUnsentMax + kRoundBytes + kCount * (kSmallRoundBytes + 50'000)});
  clients.clear();
  EXPECT_TRUE(eventually([&] { return charged == 0; }));
}

TEST(Http2Times, AClientThatTakesNothingIsBrokenOff) {
  ServerConfig config;
  config.write_timeout = 200ms;
  TestServer server(config);
  TestHttp2Client client(
      server.port,
      {.stream_window = 1 << 30, .connection_window = 1 << 30, .receive_buffer = 4096});
  client.get("/bytes/30000000");
  client.send();
  ASSERT_TRUE(eventually([&] { return server.handler.unwritable == 1; }));
  EXPECT_LT(client.wire().rest().size(), 30'000'000u);
  EXPECT_TRUE(client.wire().reset());
}

}  // namespace
}  // namespace cachey::net::http2
