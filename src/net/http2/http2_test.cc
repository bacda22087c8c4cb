#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "net/server.h"
#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"

namespace cachey::net::http2 {
namespace {

using namespace std::chrono_literals;
using Response = TestHttp2Client::Response;

void expect_body(const Response& response, size_t size) {
  EXPECT_EQ(response.status, 206);
  EXPECT_TRUE(response.whole);
  EXPECT_EQ(response.field("content-length"), std::to_string(size));
  EXPECT_TRUE(response.body == body_bytes(size)) << response.body.size() << " of " << size;
}

TEST(Http2, AnswersByteForByteWithTrailers) {
  TestServer server;
  TestHttp2Client client(server.port);
  for (const size_t size : {0, 1, 1000, 16'384, 16'385, 100'000, 3'000'000}) {
    for (const std::string kind : {"/bytes/", "/pieces/"}) {
      const Response& response = client.fetch(kind + std::to_string(size));
      expect_body(response, size);
      EXPECT_EQ(response.field("x-test"), "yes");
      EXPECT_EQ(response.field("trailer"), "C0-Status");
      EXPECT_TRUE(response.field("date").ends_with(" GMT"));
      const TestFields trailers = {{"c0-status", "0-1; b; 0"}, {"c0-status", "2-3; b; 0"}};
      EXPECT_EQ(response.trailers, trailers);
    }
  }
  EXPECT_EQ(server.stats().requests, 14u);
  EXPECT_EQ(server.stats().connections_total, 1u);
  EXPECT_EQ(server.stats().connections_by_protocol[size_t(Protocol::kHttp2)], 1);
}

TEST(Http2, ThePrefaceMayComeInPieces) {
  TestServer server;
  TestClient wire(server.port);
  const std::string bytes = std::string(TestHttp2Wire::kPreface) +
                            TestHttp2Wire::frame(NGHTTP2_SETTINGS, 0, 0, "") +
                            TestHttp2Wire::get_frame(1, "/bytes/5");
  for (const char byte : bytes) wire.send({&byte, 1});
  std::string answer;
  while (answer.find("abcde") == std::string::npos &&
         answer.find(body_bytes(5)) == std::string::npos) {
    ASSERT_TRUE(wire.receive());
    answer += wire.take_received();
  }
}

TEST(Http2, WhatOnlyBeginsLikeThePrefaceIsHttp1) {
  TestServer server;
  TestClient client(server.port);
  client.send("PRI /echo HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.response().body, "PRI /echo|host=t");
  TestClient other(server.port);
  other.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
  EXPECT_EQ(other.response().status, 505);
}

TEST(Http2, HandsTheHeadOver) {
  TestServer server;
  TestHttp2Client client(server.port);
  const int32_t id = client.get("/echo", {{"c0-bucket", "one"}, {"c0-bucket", "two"}});
  EXPECT_EQ(client.wait(id).body, "GET /echo|host=t|c0-bucket=one|c0-bucket=two");
  EXPECT_EQ(client.wait(client.request("DELETE", "/echo")).body, "DELETE /echo|host=t");
  const int32_t both = client.get("/echo", {{"host", "t"}});
  EXPECT_EQ(client.wait(both).body, "GET /echo|host=t");
  const int32_t differing = client.get("/echo", {{"host", "u"}});
  EXPECT_EQ(client.wait(differing).status, 400);
}

TEST(Http2, AFieldEndsNoLineButItsOwn) {
  TestServer server;
  TestHttp2Client client(server.port);
  EXPECT_EQ(client.fetch("/echo").field("x-split"), "a??Injected: b");
}

TEST(Http2, SendsPreparedLinesAsFields) {
  TestServer server;
  TestHttp2Client client(server.port);
  for (const int lines : {0, 1, 30, 300}) {
    const Response& response = client.fetch("/lines/" + std::to_string(lines));
    ASSERT_TRUE(response.whole) << lines;
    EXPECT_EQ(response.body, body_bytes(5));
    EXPECT_EQ(response.field("x-test"), "yes");
    EXPECT_EQ(response.field("content-type"), "text/\xc3\xbc");
    EXPECT_EQ(response.fields.size(), lines + 6) << lines;  // and status, date, length, x-more
    for (int i = 0; i < lines; ++i) {
      const std::string name = "x-line-" + std::to_string(i);
      EXPECT_EQ(response.field(name), std::string(96 - name.size(), 'x'));
    }
  }
}

TEST(Http2, LargeHeadsThatNobodyReadsAreCharged) {
  std::atomic<int64_t> held = 0;
  ServerConfig config;
  config.charge = [&held](int64_t bytes) { held += bytes; };
  TestServer server(config);
  constexpr int64_t kHeads = 100;
  {
    TestHttp2Client client(server.port, {.receive_buffer = 4096});
    std::vector<int32_t> ids;
    for (int i = 0; i < kHeads; ++i) ids.push_back(client.get("/lines/90"));
    client.send();
    EXPECT_TRUE(eventually([&] { return server.stats().requests > kHeads / 2; }));
    EXPECT_TRUE(eventually([&] { return held > kHeads / 2 * 9'000; })) << held;
    EXPECT_LT(held, kHeads * 20'000);
    for (const int32_t id : ids) EXPECT_TRUE(client.wait(id).whole);
  }
  EXPECT_TRUE(eventually([&] { return held == 0; }));
}

TEST(Http2, TrailersThatAreTooLongBreakTheResponseOff) {
  TestServer server;
  TestHttp2Client client(server.port);
  const Response& response = client.fetch("/trailers/1500000");
  EXPECT_EQ(response.body, body_bytes(5));
  EXPECT_FALSE(response.whole);
  EXPECT_EQ(response.reset, NGHTTP2_INTERNAL_ERROR);
  EXPECT_TRUE(client.fetch("/trailers/100000").whole);
}

TEST(Http2, HeadHasAHeadOnly) {
  TestServer server;
  TestHttp2Client client(server.port);
  for (const std::string path : {"/bytes/100000", "/announced/100000"}) {
    const Response& response = client.wait(client.request("HEAD", path));
    EXPECT_EQ(response.status, 206);
    EXPECT_TRUE(response.whole);
    EXPECT_EQ(response.field("content-length"), "100000");
    EXPECT_EQ(response.body, "");
    EXPECT_TRUE(response.trailers.empty());
  }
}

TEST(Http2, ARefusedHeadHasAHeadOnly) {
  TestServer server;
  TestHttp2Client client(server.port);
  const std::pair<int, int32_t> cases[] = {
      {431, client.request("HEAD", "/", {{"x", std::string(17'000, 'x')}})},
      {431, client.request("HEAD", "/" + std::string(17'000, 'x'))},
      {400, client.request("HEAD", "/", {{"host", "other"}})},
      {400, client.request("HEAD", "/a#b")},
  };
  for (const auto& [status, id] : cases) {
    const Response& response = client.wait(id);
    EXPECT_EQ(response.status, status);
    EXPECT_TRUE(response.whole);
    EXPECT_NE(response.field("content-length"), "0");
    EXPECT_EQ(response.body, "");
  }
}

TEST(Http2, ManyRequestsAtATime) {
  TestServer server;
  TestHttp2Client client(server.port);
  std::vector<int32_t> ids;
  for (size_t i = 0; i < 100; ++i) ids.push_back(client.get("/bytes/" + std::to_string(i * 1000)));
  for (size_t i = 0; i < 100; ++i) expect_body(client.wait(ids[i]), i * 1000);
}

TEST(Http2, ASlowStreamHoldsUpNoOther) {
  TestServer server;
  TestHttp2Client client(server.port, {.stream_window = 1000, .renews_windows = false});
  const int32_t slow = client.get("/bytes/2000");
  ASSERT_TRUE(client.until([&] { return client.responses[slow].body.size() == 1000; }));
  const int32_t fast = client.get("/bytes/1000");
  expect_body(client.wait(fast), 1000);
  const int32_t large = client.get("/bytes/5000000");
  client.send();
  client.let(large, 5'000'000);
  expect_body(client.wait(large), 5'000'000);
  EXPECT_FALSE(client.responses[slow].over);
  client.let(slow, 1000);
  expect_body(client.wait(slow), 2000);
}

TEST(Http2, AWindowOfOneByte) {
  TestServer server;
  TestHttp2Client client(server.port, {.stream_window = 1, .renews_windows = false});
  const int32_t id = client.get("/bytes/300");
  for (size_t size = 1; size <= 300; ++size) {
    ASSERT_TRUE(client.until([&] { return client.responses[id].body.size() == size; }));
    client.let(id, 1);
  }
  expect_body(client.wait(id), 300);
}

TEST(Http2, WithoutAWindowTheHeadComes) {
  TestServer server;
  TestHttp2Client client(server.port, {.stream_window = 0, .renews_windows = false});
  const int32_t id = client.get("/bytes/300");
  ASSERT_TRUE(client.until([&] { return client.responses[id].status == 206; }));
  client.let(id, 300);
  expect_body(client.wait(id), 300);
}

TEST(Http2, StreamsShareTheConnectionsWindowFairly) {
  TestServer server;
  TestHttp2Client client(server.port, {.connection_window = 65'535, .renews_windows = false});
  std::vector<int32_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(client.get("/bytes/400000"));
  size_t got = 65'535;
  const auto all = [&] {
    size_t sum = 0;
    for (const int32_t id : ids) sum += client.responses[id].body.size();
    return sum;
  };
  for (int i = 0; i < 8; ++i) {  // each window update is for another stream
    ASSERT_TRUE(client.until([&] { return all() == got; }));
    client.let(0, 60'000);
    got += 60'000;
  }
  ASSERT_TRUE(client.until([&] { return all() == got; }));
  for (const int32_t id : ids) EXPECT_GE(client.responses[id].body.size(), 60'000u);
}

TEST(Http2, LargeAnswersDoNotStarveOneAnother) {
  constexpr size_t kSize = 10'000'000;
  TestServer server;
  for (const std::string kind : {"/bytes/", "/pieces/"}) {
    TestHttp2Client client(server.port, {.stream_window = 1 << 30, .connection_window = 1 << 30});
    std::vector<int32_t> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(client.get(kind + std::to_string(kSize)));
    const auto done = [&](int32_t id) { return client.responses[id].over; };
    ASSERT_TRUE(client.until([&] { return std::ranges::any_of(ids, done); }));
    for (const int32_t id : ids) EXPECT_GE(client.responses[id].body.size(), kSize / 2) << kind;
    for (const int32_t id : ids) expect_body(client.wait(id), kSize);
  }
}

TEST(Http2, ABrokenOffResponseIsReset) {
  TestServer server;
  TestHttp2Client client(server.port);
  for (const std::string path : {"/half/1000", "/half/1000000", "/abort", "/throw", "/nothing"}) {
    const Response& response = client.fetch(path);
    EXPECT_TRUE(response.over) << path;
    EXPECT_FALSE(response.whole) << path;
    EXPECT_EQ(response.reset, NGHTTP2_INTERNAL_ERROR) << path;
  }
  expect_body(client.fetch("/bytes/1000"), 1000);
  EXPECT_EQ(server.stats().connections_total, 1u);
}

TEST(Http2, TheHeadMayComeLongBeforeTheBody) {
  TestServer server;
  TestHttp2Client client(server.port);
  const int32_t id = client.get("/early");
  ASSERT_TRUE(client.until([&] { return client.responses[id].status == 200; }));
  server.handler.released = true;
  EXPECT_EQ(client.wait(id).body, body_bytes(5));
  EXPECT_TRUE(client.responses[id].whole);
}

TEST(Http2, ABodyIsTakenAndThrownAway) {
  TestServer server;
  TestHttp2Client client(server.port);
  const int32_t small = client.request("POST", "/echo", {}, 200'000);
  EXPECT_EQ(client.wait(small).body, "POST /echo|host=t");
  EXPECT_TRUE(client.responses[small].whole);
  const int32_t large = client.request("POST", "/echo", {}, 10'000'000);
  const Response& response = client.wait(large);
  EXPECT_EQ(response.body, "POST /echo|host=t");
  EXPECT_TRUE(response.whole);
  EXPECT_EQ(response.reset, NGHTTP2_NO_ERROR);
  expect_body(client.fetch("/bytes/1000"), 1000);
}

TEST(Http2, ARequestThatIsTakenBackEndsItsHandler) {
  TestServer server;
  TestHttp2Client client(server.port, {.stream_window = 1000, .renews_windows = false});
  const int32_t id = client.get("/bytes/2000");
  ASSERT_TRUE(client.until([&] { return client.responses[id].body.size() == 1000; }));
  client.reset(id);
  client.send();
  EXPECT_TRUE(eventually([&] { return server.handler.unwritable == 1; }));
  EXPECT_EQ(server.stats().http2_resets, 1u);
  expect_body(client.fetch("/bytes/1000"), 1000);
}

TEST(Http2, AClientThatLeavesEndsItsHandlers) {
  TestServer server;
  {
    TestHttp2Client client(server.port, {.stream_window = 1000, .renews_windows = false});
    const int32_t id = client.get("/bytes/2000");
    ASSERT_TRUE(client.until([&] { return client.responses[id].body.size() == 1000; }));
  }
  EXPECT_TRUE(eventually([&] { return server.handler.unwritable == 1; }));
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(Http2, WhatAConnectionHoldsIsChargedAndGivenBack) {
  std::atomic<int64_t> held = 0;
  ServerConfig config;
  config.charge = [&held](int64_t bytes) { held += bytes; };
  TestServer server(config);
  {
    TestHttp2Client client(server.port);
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(client.get("/wait"));
    client.send();
    ASSERT_TRUE(eventually([&] { return server.handler.waiting == 50; }));
    EXPECT_TRUE(eventually([&] { return held > 50 * 2048; })) << held;
    EXPECT_LT(held, 50 * 8192 + 65'536);
    server.handler.released = true;
    for (const int32_t id : ids) client.wait(id);
    EXPECT_TRUE(eventually([&] { return held < 40'000; })) << held;
  }
  EXPECT_TRUE(eventually([&] { return held == 0; }));
}

}  // namespace
}  // namespace cachey::net::http2
