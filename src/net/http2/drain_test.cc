#include <gtest/gtest.h>

#include <future>
#include <string>

#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"

namespace cachey::net::http2 {
namespace {

using namespace std::chrono_literals;

std::future<bool> drain_in_background(TestServer& server, std::chrono::milliseconds limit) {
  return std::async(std::launch::async, [&server, limit] { return server.server().drain(limit); });
}

TEST(Http2Drain, OpenStreamsCompleteAndIdleConnectionsEnd) {
  TestServer server;
  TestHttp2Wire open(server.port);
  open.wire.send(TestHttp2Wire::get_frame(1, "/wait"));
  TestHttp2Client idle(server.port);
  EXPECT_EQ(idle.fetch("/bytes/1").status, 206);
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  std::future<bool> drained = drain_in_background(server, 10s);
  idle.wait_for_end();
  EXPECT_EQ(idle.goaway, NGHTTP2_NO_ERROR);
  const std::string no_error = TestHttp2Wire::number(NGHTTP2_NO_ERROR, 4);
  const TestHttp2Wire::Frame notice = open.next(NGHTTP2_GOAWAY);
  EXPECT_EQ(notice.payload, TestHttp2Wire::number(0x7fffffff, 4) + no_error);
  server.handler.released = true;
  EXPECT_EQ(open.next(NGHTTP2_DATA).payload, body_bytes(5));
  EXPECT_EQ(open.next(NGHTTP2_HEADERS).flags & NGHTTP2_FLAG_END_STREAM, NGHTTP2_FLAG_END_STREAM);
  const TestHttp2Wire::Frame last = open.next(NGHTTP2_GOAWAY);
  EXPECT_EQ(last.payload, TestHttp2Wire::number(1, 4) + no_error);
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(server.stats().connections, 0);
}

TEST(Http2Drain, WhileItIsAnnouncedEveryStreamIsServed) {
  TestServer server;
  TestHttp2Wire kept(server.port);
  kept.wire.send(TestHttp2Wire::get_frame(1, "/bytes/5"));
  EXPECT_EQ(kept.next(NGHTTP2_DATA).payload, body_bytes(5));
  TestHttp2Wire silent(server.port);
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 2; }));
  server.server().leave();
  const std::string notice =
      TestHttp2Wire::number(0x7fffffff, 4) + TestHttp2Wire::number(NGHTTP2_NO_ERROR, 4);
  EXPECT_EQ(kept.next(NGHTTP2_GOAWAY).payload, notice);
  kept.wire.send(TestHttp2Wire::get_frame(3, "/bytes/6"));  // was on its way
  EXPECT_EQ(kept.next(NGHTTP2_DATA).payload, body_bytes(6));
  TestHttp2Wire late(server.port);
  for (TestHttp2Wire* client : {&silent, &late}) {
    client->wire.send(TestHttp2Wire::get_frame(1, "/bytes/7"));
    bool told = false;
    TestHttp2Wire::Frame frame = client->next();
    for (; frame.type != NGHTTP2_DATA && frame.type != 0xff; frame = client->next()) {
      told = told || (frame.type == NGHTTP2_GOAWAY && frame.payload == notice);
    }
    EXPECT_EQ(frame.payload, body_bytes(7));
    EXPECT_TRUE(told);
  }
  EXPECT_TRUE(server.server().drain(10s));
}

TEST(Http2Drain, ALargeDownloadCompletes) {
  TestServer server;
  TestHttp2Client client(server.port);
  const int32_t id = client.get("/bytes/30000000");
  ASSERT_TRUE(client.until([&] { return !client.responses[id].body.empty(); }));
  std::future<bool> drained = drain_in_background(server, 20s);
  EXPECT_TRUE(client.wait(id).body == body_bytes(30'000'000));
  EXPECT_TRUE(client.responses[id].whole);
  client.wait_for_end();
  EXPECT_TRUE(drained.get());
}

TEST(Http2Drain, AClientThatHasNotAskedYetIsGivenAMoment) {
  TestServer server;
  TestHttp2Client late(server.port);
  TestHttp2Client silent(server.port);
  for (TestHttp2Client* client : {&late, &silent}) ASSERT_TRUE(client->step());
  std::future<bool> drained = drain_in_background(server, 10s);
  ASSERT_TRUE(eventually([&] { return !TestClient(server.port).connected(); }));
  EXPECT_EQ(late.fetch("/bytes/5").body, body_bytes(5));
  late.wait_for_end();
  silent.wait_for_end();
  EXPECT_EQ(silent.goaway, NGHTTP2_NO_ERROR);
  EXPECT_TRUE(drained.get());
}

TEST(Http2Drain, TheDeadlineBreaksOffWhatIsLeft) {
  TestServer server;
  TestHttp2Client stuck(server.port, {.stream_window = 1000, .renews_windows = false});
  const int32_t id = stuck.get("/bytes/2000");
  ASSERT_TRUE(stuck.until([&] { return stuck.responses[id].body.size() == 1000; }));
  EXPECT_FALSE(server.server().drain(100ms));
  stuck.wait_for_end();
  EXPECT_FALSE(stuck.responses[id].whole);
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  EXPECT_EQ(server.handler.unwritable, 1);
}

}  // namespace
}  // namespace cachey::net::http2
