#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "net/testing/test_client.h"
#include "net/testing/test_server.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

std::future<bool> drain_in_background(TestServer& server, std::chrono::milliseconds limit) {
  return std::async(std::launch::async, [&server, limit] { return server.server().drain(limit); });
}

TEST(ServerDrain, OpenRequestsCompleteAndNewConnectionsAreRefused) {
  TestServer server;
  TestClient open(server.port);
  open.get("/wait");
  TestClient idle(server.port);
  idle.get("/bytes/1");
  EXPECT_EQ(idle.response().status, 206);
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  std::future<bool> drained = drain_in_background(server, 10s);
  EXPECT_EQ(idle.rest(), "");
  EXPECT_TRUE(idle.ended());
  ASSERT_TRUE(eventually([&] { return !TestClient(server.port).connected(); }));
  EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout);
  server.handler.released = true;
  const auto response = open.response();
  EXPECT_EQ(response.body, body_bytes(5));
  EXPECT_TRUE(response.has("Connection: close"));
  EXPECT_EQ(open.rest(), "");
  EXPECT_TRUE(open.ended());
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(server.stats().connections, 0);
}

TEST(ServerDrain, WhileItIsAnnouncedEveryRequestIsServedAndAnswersSayClose) {
  TestServer server;
  TestClient kept(server.port);
  kept.get("/bytes/5");
  EXPECT_FALSE(kept.response().has("Connection: close"));
  TestClient open(server.port);
  open.get("/wait");
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  server.server().leave();
  kept.get("/bytes/5");
  const auto last = kept.response();
  EXPECT_EQ(last.body, body_bytes(5));
  EXPECT_TRUE(last.has("Connection: close"));
  EXPECT_EQ(kept.rest(), "");
  for (int i = 0; i < 3; ++i) {
    TestClient late(server.port);
    late.get("/bytes/5");
    const auto response = late.response();
    EXPECT_EQ(response.body, body_bytes(5));
    EXPECT_TRUE(response.has("Connection: close"));
  }
  server.handler.released = true;
  EXPECT_TRUE(open.response().has("Connection: close"));
  EXPECT_TRUE(server.server().drain(10s));
}

TEST(ServerDrain, TheAnnouncementWaitsForNoWorker) {
  TestServer server;
  TestClient busy(server.port);
  busy.get("/block/1500");
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 1; }));
  const auto begun = std::chrono::steady_clock::now();
  server.server().leave();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
  EXPECT_EQ(busy.response().body, body_bytes(5));
}

TEST(ServerDrain, ALargeDownloadCompletes) {
  TestServer server;
  TestClient client(server.port, 64 * 1024);
  client.get("/bytes/30000000");
  ASSERT_TRUE(client.receive());
  std::future<bool> drained = drain_in_background(server, 20s);
  ASSERT_TRUE(eventually([&] { return !TestClient(server.port).connected(); }));
  const auto response = client.response();
  EXPECT_TRUE(response.whole);
  EXPECT_TRUE(response.body == body_bytes(30'000'000));
  EXPECT_TRUE(drained.get());
}

TEST(ServerDrain, WhatWaitsInTheBacklogIsAnswered) {
  for (int round = 0; round < 20; ++round) {
    TestServer server;
    std::vector<TestClient> clients;
    for (int i = 0; i < 20; ++i) {
      clients.emplace_back(server.port);
      clients.back().get("/bytes/5");
    }
    EXPECT_TRUE(server.server().drain(5s));
    for (TestClient& client : clients) EXPECT_EQ(client.response().body, body_bytes(5));
  }
}

TEST(ServerDrain, AClientThatHasNotAskedYetIsGivenAMoment) {
  TestServer server;
  TestClient late(server.port);
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 1; }));
  std::future<bool> drained = drain_in_background(server, 10s);
  ASSERT_TRUE(eventually([&] { return !TestClient(server.port).connected(); }));
  late.get("/bytes/5");
  EXPECT_EQ(late.response().body, body_bytes(5));
  EXPECT_TRUE(drained.get());
  TestServer other;
  TestClient silent(other.port);
  ASSERT_TRUE(eventually([&] { return other.stats().connections == 1; }));
  EXPECT_TRUE(other.server().drain(10s));
  EXPECT_EQ(silent.rest(), "");
}

TEST(ServerDrain, TheDeadlineBreaksOffWhatIsLeft) {
  TestServer server;
  TestClient stuck(server.port, 4096);  // in writable()
  stuck.get("/bytes/30000000");
  TestClient half(server.port);  // in the middle of its head
  half.send("GET /");
  ASSERT_TRUE(stuck.receive());
  EXPECT_FALSE(server.server().drain(100ms));
  EXPECT_FALSE(stuck.response().whole);
  EXPECT_TRUE(stuck.reset());
  EXPECT_EQ(half.rest(), "");
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(ServerDrain, DoesNotWaitForEverForAHandlerThatWaitsForSomethingElse) {
  TestServer server;
  TestClient client(server.port);
  client.get("/wait");
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  EXPECT_FALSE(server.server().drain(50ms));
  EXPECT_EQ(client.response().status, 0);
  EXPECT_TRUE(client.reset());
  server.handler.released = true;
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(ServerDrain, MayBeLeftOutWhereTheWorkersHaveStopped) {
  const SystemClock clock;
  rt::Workers workers(2, clock);
  TestHandler handler;
  ServerConfig config;
  config.listen_addresses = {{"127.0.0.1", 0}};
  Server server(workers, handler, config, clock);
  workers.start();
  ASSERT_TRUE(server.start());
  const uint16_t port = port_of(server.addresses().front());
  TestClient idle(port);
  TestClient stuck(port, 4096);
  stuck.get("/bytes/30000000");
  ASSERT_TRUE(stuck.receive());
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 2; }));
  workers.stop_and_join();
}

}  // namespace
}  // namespace cachey::net
