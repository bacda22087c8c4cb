#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "net/connection/client_socket.h"
#include "net/testing/test_client.h"
#include "net/testing/test_server.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

TEST(ServerShares, OneAddressLeavesConnectionsToOthers) {
  ServerConfig config;
  config.connections_max = 20;
  TestServer server(config, 1);
  std::vector<TestClient> clients = busy_clients(server, 18);
  TestClient same(server.port);
  EXPECT_EQ(same.response().status, 503);
  EXPECT_EQ(server.stats().connections_over_share, 1u);
  EXPECT_EQ(server.stats().connections_refused, 0u);
  TestClient other(server.port, 0, "127.0.0.2");
  other.get("/bytes/5");
  EXPECT_EQ(other.response().body, body_bytes(5));
  server.handler.released = true;
}

TEST(ServerShares, AnAddressWithAShareDisplacesIdleOnesOfALargerOne) {
  ServerConfig config;
  config.connections_max = 20;
  TestServer server(config, 1);
  std::vector<TestClient> idle;
  for (int i = 0; i < 15; ++i) idle.emplace_back(server.port);
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 15; }));
  std::this_thread::sleep_for(AwaitedSockets::kWaitMin + 50ms);
  std::vector<TestClient> busy;
  for (int i = 0; i < 8; ++i) {
    busy.emplace_back(server.port, 0, "127.0.0.2");
    busy.back().get("/wait");
    ASSERT_TRUE(eventually([&] { return server.handler.waiting == i + 1; })) << i;
  }
  EXPECT_EQ(server.stats().connections_over_share, 0u);
  server.handler.released = true;
}

TEST(ServerShares, PastItsShareAnAddressDisplacesNoSmallerOne) {
  ServerConfig config;
  config.connections_max = 20;
  TestServer server(config, 1);
  TestClient other(server.port, 0, "127.0.0.2");  // the longest wait
  TestClient silent(server.port);
  std::vector<TestClient> clients = busy_clients(server, 16);
  std::this_thread::sleep_for(AwaitedSockets::kWaitMin + 50ms);
  TestClient next(server.port);
  next.get("/bytes/5");
  EXPECT_EQ(next.response().body, body_bytes(5));
  EXPECT_EQ(silent.rest(), "");
  other.get("/bytes/5");
  EXPECT_EQ(other.response().body, body_bytes(5));
  EXPECT_EQ(server.stats().connections_displaced, 1u);
  server.handler.released = true;
}

}  // namespace
}  // namespace cachey::net
