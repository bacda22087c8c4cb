#include "net/server.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/connection/answer_batch.h"
#include "net/http1/connection.h"
#include "net/testing/test_client.h"
#include "net/testing/test_server.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

/// Decodes chunks. `trailers`: the lines after the last chunk.
std::string join_chunks(std::string_view wire, std::string& trailers) {
  std::string body;
  while (true) {
    const size_t line = wire.find("\r\n");
    const size_t length = std::strtoull(std::string(wire.substr(0, line)).c_str(), nullptr, 16);
    wire.remove_prefix(line + 2);
    if (length == 0) break;
    body += wire.substr(0, length);
    EXPECT_EQ(wire.substr(length, 2), "\r\n");
    wire.remove_prefix(length + 2);
  }
  trailers = wire;
  return body;
}

TEST(Server, AnswersOneRequestAfterAnotherOnAConnection) {
  TestServer server;
  TestClient client(server.port);
  for (const size_t size : {0, 1, 4096, 100'000}) {
    client.get("/bytes/" + std::to_string(size));
    const auto response = client.response();
    EXPECT_EQ(response.status, 206);
    EXPECT_TRUE(response.has("X-Test: yes"));
    EXPECT_TRUE(response.has("Content-Length: " + std::to_string(size)));
    EXPECT_NE(response.head.find("\r\nDate: "), std::string::npos);
    EXPECT_EQ(response.head.find("Connection"), std::string::npos);
    EXPECT_TRUE(response.whole);
    EXPECT_EQ(response.body, body_bytes(size));
  }
  EXPECT_EQ(server.stats().requests, 4u);
  EXPECT_EQ(server.stats().connections_total, 1u);
  EXPECT_EQ(server.stats().connections, 1);
}

TEST(Server, HandsTheHeadOver) {
  TestServer server;
  TestClient client(server.port);
  client.send(
      "GET http://t/echo HTTP/1.1\r\nHOST: t\r\nC0-Bucket:  one \r\nc0-bucket: two\r\n\r\n");
  EXPECT_EQ(client.response().body, "GET /echo|host=t|c0-bucket=one|c0-bucket=two");
  client.send("DELETE /echo HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.response().body, "DELETE /echo|host=t");
}

TEST(Server, AFieldEndsNoLineButItsOwn) {
  TestServer server;
  TestClient client(server.port);
  client.get("/echo");
  EXPECT_TRUE(client.response().has("X-Split: a??Injected: b"));
}

TEST(Server, SendsPreparedLinesAsTheyAre) {
  TestServer server;
  TestClient client(server.port);
  for (const int lines : {0, 1, 30, 90}) {  // 90: more than a spare buffer
    client.get("/lines/" + std::to_string(lines));
    const auto response = client.response();
    EXPECT_EQ(response.body, body_bytes(5));
    for (const char* line : {"X-Test: yes", "Content-Type: text/\xc3\xbc", "X-More: "})
      EXPECT_TRUE(response.has(line)) << line;
    for (int i = 0; i < lines; ++i) {
      const std::string name = "X-Line-" + std::to_string(i);
      EXPECT_TRUE(response.has(name + ": " + std::string(96 - name.size(), 'x'))) << i;
    }
  }
  client.send("HEAD /lines/90 HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_TRUE(client.response(true).has("X-More: "));
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  TestClient client(server.port);
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += "GET /bytes/" + std::to_string(i * 100) + " HTTP/1.1\r\nHost: t\r\n\r\n";
  }
  client.send(requests);
  for (size_t i = 0; i < 100; ++i) {
    const auto response = client.response();
    ASSERT_TRUE(response.whole) << i;
    ASSERT_EQ(response.body, body_bytes(i * 100));
  }
  EXPECT_EQ(server.stats().requests, 100u);
}

/// Blocks the one worker until all requests below are in its sockets. So one turn of the event loop
/// answers them.
class OneTurn {
 public:
  explicit OneTurn(TestServer& server) : blocker_(server.port) {
    const int before = server.handler.blocks;
    blocker_.get("/block/200");
    EXPECT_TRUE(eventually([&] { return server.handler.blocks > before; }));
  }

 private:
  TestClient blocker_;
};

TEST(Server, AnswersManyClientsOfOneTurn) {
  TestServer server({}, 1);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < 3 * AnswerBatch::kAnswersMax; ++i) {
    clients.push_back(std::make_unique<TestClient>(server.port));
    clients.back()->get("/bytes/1");  // from the second request on, the connection is in its loop
    EXPECT_EQ(clients.back()->response().body, body_bytes(1));
  }
  for (const size_t scale : {10, 100, 1000}) {  // 1000: the last bodies are too large for a batch
    const OneTurn turn(server);
    for (size_t i = 0; i < clients.size(); ++i)
      clients[i]->get("/bytes/" + std::to_string(i * scale));
    for (size_t i = 0; i < clients.size(); ++i) {
      const auto response = clients[i]->response();
      ASSERT_TRUE(response.whole) << i;
      ASSERT_EQ(response.body, body_bytes(i * scale));
    }
  }
}

TEST(Server, ManyClientsOfOneTurnMayPipelineAndLeave) {
  TestServer server({}, 1);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < 8; ++i) clients.push_back(std::make_unique<TestClient>(server.port));
  const std::string get = "GET /bytes/10 HTTP/1.1\r\nHost: t\r\n";
  {
    const OneTurn turn(server);
    for (size_t i = 0; i < clients.size(); ++i) {
      const std::array<std::string, 4> seconds = {get + "\r\n", get + "Connection: close\r\n\r\n",
                                                  "GET /bytes/10 HTTP/1.1\r\nwrong\r\n\r\n", ""};
      clients[i]->send(get + "\r\n" + seconds[i % 4]);
      if (i % 4 == 3) ::shutdown(clients[i]->fd(), SHUT_WR);
    }
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i]->response().body, body_bytes(10)) << i;
    if (i % 4 == 3) {
      EXPECT_EQ(clients[i]->rest(), "");
      EXPECT_TRUE(clients[i]->ended());
    } else {
      EXPECT_EQ(clients[i]->response().status, i % 4 == 2 ? 400 : 206) << i;
    }
  }
}

/// The first answer may wait for others of its turn.
TEST(Server, TheAnswerBeforeAFailureArrives) {
  for (const std::string_view fails : {"/throw", "/end"}) {
    SCOPED_TRACE(fails);
    TestServer server({}, 1);
    TestClient client(server.port);
    client.send("GET /bytes/10 HTTP/1.1\r\nHost: t\r\n\r\nGET " + std::string(fails) +
                " HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_EQ(client.response().body, body_bytes(10));
    EXPECT_EQ(client.rest(), "");
  }
}

TEST(Server, ReadsAHeadInPieces) {
  TestServer server;
  TestClient client(server.port);
  const std::string request =
      "GET /echo HTTP/1.1\r\nHost: t\r\nX: " + std::string(9000, 'x') + "\r\n\r\n";
  for (size_t at = 0; at < request.size(); at += 700)
    client.send(std::string_view(request).substr(at, 700));
  EXPECT_EQ(client.response().body, "GET /echo|host=t|x=" + std::string(9000, 'x'));
  client.get("/bytes/10");
  EXPECT_EQ(client.response().body, body_bytes(10));
}

TEST(Server, ARefusedHeadHasAHeadOnly) {
  TestServer server;
  for (const char* before : {"", "\r\n", "\r\n\r\n"}) {
    TestClient client(server.port);
    client.send(std::string(before) + "HEAD /bytes/5 HTTP/1.1\r\nno field\r\n\r\n");
    const std::string answer = client.rest();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
  }
}

TEST(Server, HigherMinorVersionsAreServedAndOtherMajorOnesAre505) {
  TestServer server;
  TestClient client(server.port);
  client.send("GET /bytes/5 HTTP/1.2\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.response().body, body_bytes(5));
  client.send("GET /bytes/5 HTTP/2.0\r\nHost: t\r\n\r\n");
  const TestClient::Response refused = client.response();
  EXPECT_TRUE(refused.head.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"));
  EXPECT_TRUE(refused.has("Connection: close"));
}

TEST(Server, HeadHasNoBody) {
  TestServer server;
  TestClient client(server.port);
  client.send("HEAD /bytes/5000 HTTP/1.1\r\nHost: t\r\n\r\n");
  const auto response = client.response(true);
  EXPECT_EQ(response.status, 206);
  EXPECT_TRUE(response.has("Content-Length: 5000"));
  client.send("HEAD /announced/6000 HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_TRUE(client.response(true).has("Content-Length: 6000"));
  client.get("/bytes/3");
  EXPECT_EQ(client.response().body, body_bytes(3));
  client.send("HEAD /bytes/7 HTTP/1.1\r\nHost: t\r\nTE: trailers\r\nConnection: close\r\n\r\n");
  const std::string rest = client.rest();
  EXPECT_TRUE(rest.ends_with(
      "Transfer-Encoding: chunked\r\nTrailer: C0-Status\r\nConnection: close\r\n\r\n"));
}

TEST(Server, SendsTrailersAfterChunks) {
  TestServer server;
  TestClient client(server.port);
  client.get("/bytes/20", "TE: trailers\r\n");
  const auto response = client.response();
  EXPECT_TRUE(response.has("Trailer: C0-Status"));
  EXPECT_EQ(response.head.find("Content-Length"), std::string::npos);
  EXPECT_EQ(response.body, "14\r\n" + body_bytes(20) +
                               "\r\n0\r\nC0-Status: 0-1; b; 0\r\nC0-Status: 2-3; b; 0\r\n\r\n");
  client.get("/bytes/0", "TE: trailers\r\n");
  EXPECT_EQ(client.response().body, "0\r\nC0-Status: 0-1; b; 0\r\nC0-Status: 2-3; b; 0\r\n\r\n");
  client.get("/pieces/2500", "TE: trailers\r\n");
  std::string trailers;
  const std::string body = join_chunks(client.response().body, trailers);
  EXPECT_EQ(body, body_bytes(2500));
  EXPECT_EQ(trailers, "C0-Status: 0-1; b; 0\r\nC0-Status: 2-3; b; 0\r\n\r\n");
}

TEST(Server, ChunksSurviveASlowReader) {
  TestServer server;
  for (const std::string_view target : {"/bytes/20000000", "/pieces/20000000"}) {
    TestClient client(server.port, 4096);
    client.get(target, "TE: trailers\r\n");
    const auto response = client.response();
    ASSERT_TRUE(response.whole);
    std::string trailers;
    const std::string body = join_chunks(response.body, trailers);
    EXPECT_EQ(body, body_bytes(20'000'000));
    EXPECT_EQ(trailers, "C0-Status: 0-1; b; 0\r\nC0-Status: 2-3; b; 0\r\n\r\n");
  }
}

TEST(Server, SendsLargeBodiesWhole) {
  TestServer server;
  TestClient client(server.port);
  for (int i = 0; i < 2; ++i) {
    client.get("/bytes/30000000");
    const auto response = client.response();
    EXPECT_TRUE(response.whole);
    EXPECT_TRUE(response.body == body_bytes(30'000'000));
  }
}

TEST(Server, TheHeadMayGoBeforeTheBody) {
  TestServer server;
  for (const std::string_view more : {"", "TE: trailers\r\n"}) {
    server.handler.released = false;
    TestClient client(server.port);
    client.get("/early", more);
    const auto head = client.response(true);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.head.find("Trailer"), std::string::npos);
    server.handler.released = true;
    shutdown(client.fd(), SHUT_WR);
    EXPECT_EQ(client.rest(),
              more.empty() ? body_bytes(5) : "5\r\n" + body_bytes(5) + "\r\n0\r\n\r\n");
  }
}

TEST(Server, Http10ClosesUnlessAskedNotTo) {
  TestServer server;
  TestClient once(server.port);
  once.send("GET /bytes/3 HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(once.response().has("Connection: close"));
  EXPECT_EQ(once.rest(), "");
  EXPECT_TRUE(once.ended());
  TestClient twice(server.port);
  for (int i = 0; i < 2; ++i) {
    twice.send("GET /bytes/3 HTTP/1.0\r\nConnection: keep-alive\r\nTE: trailers\r\n\r\n");
    const auto response = twice.response();
    EXPECT_TRUE(response.has("Connection: keep-alive"));
    EXPECT_EQ(response.body, body_bytes(3));
  }
}

TEST(Server, ClosesWhenTheClientSaysSo) {
  TestServer server;
  TestClient client(server.port);
  client.get("/bytes/3", "Connection: close\r\n");
  const auto response = client.response();
  EXPECT_TRUE(response.has("Connection: close"));
  EXPECT_EQ(response.body, body_bytes(3));
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(Server, NoticesAnEndThatCameWithTheRequest) {
  TestServer server;
  for (int requests = 1; requests <= 3; ++requests) {
    TestClient client(server.port);
    for (int i = 1; i < requests; ++i) {
      client.get("/bytes/10");
      EXPECT_EQ(client.response().body, body_bytes(10));
    }
    const std::string_view last = "GET /bytes/10 HTTP/1.1\r\nHost: t\r\n\r\n";
    ::send(client.fd(), last.data(), last.size(), MSG_MORE);  // the end is in the same segment
    ::shutdown(client.fd(), SHUT_WR);
    EXPECT_EQ(client.response().body, body_bytes(10));
    EXPECT_EQ(client.rest(), "");
    EXPECT_TRUE(client.ended());
  }
}

TEST(Server, AnswersAfterAPause) {
  TestServer server;
  TestClient client(server.port);
  for (int i = 0; i < 3; ++i) {
    client.get("/bytes/10");
    EXPECT_EQ(client.response().body, body_bytes(10));
    std::this_thread::sleep_for(http1::Connection::kLook + 50ms);
  }
  EXPECT_EQ(server.stats().connections_total, 1u);
}

TEST(Server, ABodyIsNeverReadAsARequest) {
  TestServer server;
  const std::string smuggled = "GET /echo HTTP/1.1\r\nHost: smuggled\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(smuggled.size());
  for (const std::string& framing : {length, std::string("Transfer-Encoding: chunked")}) {
    TestClient client(server.port);
    client.send("GET /bytes/9 HTTP/1.1\r\nHost: t\r\n" + framing + "\r\n\r\n" + smuggled);
    const auto response = client.response();
    EXPECT_TRUE(response.has("Connection: close"));
    EXPECT_EQ(response.body, body_bytes(9));
    client.send(std::string(100'000, 'x'));
    shutdown(client.fd(), SHUT_WR);
    EXPECT_EQ(client.rest(), "");
    EXPECT_TRUE(client.ended());
  }
  EXPECT_EQ(server.stats().requests, 2u);
}

TEST(Server, ABrokenOffResponseCannotPassForAWholeOne) {
  TestServer server;
  for (const std::string_view target :
       {"/half/1000", "/abort", "/half/3000000", "/throw", "/end"}) {
    for (const std::string_view more : {"", "TE: trailers\r\n"}) {
      TestClient client(server.port);
      client.get(target, more);
      EXPECT_FALSE(client.response().whole) << target;
      EXPECT_TRUE(client.ended() || client.reset()) << target;
    }
  }
}

TEST(Server, ABrokenOffResponseBringsTheBytesThatWereThere) {
  TestServer server;
  for (const std::string_view target : {"/half/1000", "/abort"}) {
    TestClient client(server.port);
    client.get(target);
    EXPECT_EQ(client.response().body, body_bytes(500)) << target;
    EXPECT_TRUE(client.ended()) << target;
  }
}

}  // namespace
}  // namespace cachey::net
