// The address that a handler sees behind proxies; what becomes of connections without a header.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "net/connection/client_socket.h"
#include "net/testing/proxy_headers.h"
#include "net/testing/test_client.h"
#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_test_client.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kLocalHeader{"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16};

enum class Header : uint8_t { kNone, kExpected };

/// A server that trusts `network`, and clients that come from 127.0.0.1.
ServerConfig trusting(const char* network, Header header, ServerConfig config = {}) {
  config.trusted_proxies = TrustedProxies({*IpPrefix::parse(network)});
  config.proxy_protocol = header == Header::kExpected;
  return config;
}

std::string client_seen(TestClient& client, std::string_view fields = {}) {
  client.get("/client", fields);
  return client.response().body;
}
std::string client_seen(uint16_t port, std::string_view header, std::string_view fields = {}) {
  TestClient client(port);
  client.send(header);
  return client_seen(client, fields);
}

TEST(ProxiedClients, ATrustedProxyTellsEachRequestsClient) {
  TestServer server(trusting("127.0.0.0/8", Header::kNone));
  TestClient client(server.port);
  EXPECT_EQ(client_seen(client, "X-Forwarded-For: 1.1.1.1, 9.9.9.9\r\n"), "9.9.9.9");
  EXPECT_EQ(client_seen(client, "Forwarded: for=\"[2001:db8::9]\"\r\n"), "2001:db8::9");
  EXPECT_EQ(client_seen(client), "127.0.0.1");
  EXPECT_EQ(server.stats().forwarded_unusable, 0u);
  EXPECT_EQ(client_seen(client, "Forwarded: for=_x\r\n"), "127.0.0.1");
  EXPECT_EQ(server.stats().forwarded_unusable, 1u);

  TestHttp2Client http2(server.port);
  EXPECT_EQ(http2.wait(http2.get("/client", {{"x-forwarded-for", "9.9.9.9"}})).body, "9.9.9.9");
  EXPECT_EQ(http2.wait(http2.get("/client", {{"forwarded", "for=8.8.8.8"}})).body, "8.8.8.8");
}

TEST(ProxiedClients, NoOtherClientIsBelieved) {
  for (const Header header : {Header::kNone, Header::kExpected}) {
    TestServer server(trusting("10.0.0.0/8", header));
    EXPECT_EQ(client_seen(server.port, "", "X-Forwarded-For: 9.9.9.9\r\n"), "127.0.0.1");
    TestClient client(server.port);
    client.send(proxy_v2("9.9.9.9"));
    client.get("/client");
    EXPECT_EQ(client.response().status, 400);
  }
}

TEST(ProxiedClients, ThePROXYHeaderTellsTheConnectionsClient) {
  TestServer server(trusting("127.0.0.1", Header::kExpected));
  EXPECT_EQ(client_seen(server.port, proxy_v2("9.9.9.9")), "9.9.9.9");
  EXPECT_EQ(client_seen(server.port, proxy_v2("2001:db8::9", std::string(3000, 't'))),
            "2001:db8::9");
  EXPECT_EQ(client_seen(server.port, "PROXY TCP4 9.9.9.9 127.0.0.1 1 2\r\n"), "9.9.9.9");
  EXPECT_EQ(client_seen(server.port, "PROXY UNKNOWN\r\n"), "127.0.0.1");
  EXPECT_EQ(client_seen(server.port, kLocalHeader), "127.0.0.1");
  EXPECT_EQ(client_seen(server.port, proxy_v2("9.9.9.9"), "X-Forwarded-For: 8.8.8.8\r\n"),
            "9.9.9.9");
  EXPECT_EQ(client_seen(server.port, proxy_v2("127.0.0.1"), "X-Forwarded-For: 8.8.8.8\r\n"),
            "8.8.8.8");  // two trusted proxies in a row
  TestHttp2Client http2(server.port);
  http2.wire().send(proxy_v2("9.9.9.9"));
  EXPECT_EQ(http2.wait(http2.get("/client")).body, "9.9.9.9");
  EXPECT_EQ(server.stats().proxy_headers_refused, 0u);
}

TEST(ProxiedClients, TheHeaderStandsBeforeTls) {
  TestServer server(trusting("127.0.0.1", Header::kExpected, tls_config()));
  const std::string header = proxy_v2("9.9.9.9");
  TlsTestClient client(server.port, {.before = header});
  ASSERT_TRUE(client.agreed());
  EXPECT_EQ(client_seen(client), "9.9.9.9");
  EXPECT_FALSE(TlsTestClient(server.port).agreed());
  EXPECT_TRUE(eventually([&] { return server.stats().proxy_headers_refused == 1; }));
}

TEST(ProxiedClients, AHeaderMayComeByteByByteAndWithTheRequest) {
  TestServer server(trusting("127.0.0.1", Header::kExpected));
  for (const std::string& header :
       {proxy_v2("9.9.9.9", "tlv"), std::string("PROXY TCP4 9.9.9.9 127.0.0.1 1 2\r\n")}) {
    TestClient client(server.port);
    const int now = 1;
    setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    for (const char byte : header) {
      client.send(std::string_view(&byte, 1));
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(client_seen(client), "9.9.9.9");
  }
  TestClient client(server.port);
  client.send(proxy_v2("9.9.9.9") + "GET /client HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.response().body, "9.9.9.9");
}

TEST(ProxiedClients, WithoutAValidHeaderTheConnectionIsClosedAndCounted) {
  TestServer server(trusting("127.0.0.1", Header::kExpected));
  uint64_t refused = 0;
  std::string wrong = proxy_v2("9.9.9.9");
  wrong[12] = 0x33;
  for (const std::string& first : {std::string("GET /client HTTP/1.1\r\nHost: t\r\n\r\n"), wrong,
                                   std::string("PROXY TCP4 nobody\r\n"), std::string("x")}) {
    TestClient client(server.port);
    client.send(first);
    EXPECT_EQ(client.rest(), "");
    ++refused;
    EXPECT_TRUE(eventually([&] { return server.stats().proxy_headers_refused == refused; }));
  }
  {
    TestClient ends_early(server.port);
    ends_early.send(kLocalHeader.substr(0, 10));
    shutdown(ends_early.fd(), SHUT_WR);
    EXPECT_EQ(ends_early.rest(), "");
  }
  EXPECT_TRUE(eventually([&] { return server.stats().proxy_headers_refused == refused + 1; }));
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  EXPECT_EQ(server.stats().requests, 0u);
}

TEST(ProxiedClients, AHealthCheckOfTcpIsNoFault) {
  TestServer server(trusting("127.0.0.1", Header::kExpected));
  {
    const TestClient check(server.port);
  }
  EXPECT_TRUE(eventually(
      [&] { return server.stats().connections_total == 1 && server.stats().connections == 0; }));
  EXPECT_EQ(server.stats().proxy_headers_refused, 0u);
}

TEST(ProxiedClients, ASlowHeaderEndsAtTheLimitOfHeads) {
  ServerConfig config = trusting("127.0.0.1", Header::kExpected);
  config.head_timeout = 300ms;
  TestServer server(config);
  TestClient silent(server.port);
  TestClient slow(server.port);
  slow.send(kLocalHeader.substr(0, 15));
  EXPECT_EQ(silent.rest(), "");
  EXPECT_EQ(slow.rest(), "");
  EXPECT_TRUE(eventually([&] { return server.stats().proxy_headers_refused == 2; }));
}

TEST(ProxiedClients, AWaitForAHeaderGivesWayAndEndsAtADrain) {
  ServerConfig config = trusting("127.0.0.1", Header::kExpected);
  config.connections_max = 1;
  TestServer server(config, 1);
  TestClient silent(server.port);
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 1; }));
  std::this_thread::sleep_for(2 * AwaitedSockets::kWaitMin);
  TestClient waits(server.port);
  EXPECT_TRUE(eventually([&] { return server.stats().connections_displaced == 1; }));
  EXPECT_EQ(silent.rest(), "");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(server.server().drain(5s));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s);
  EXPECT_EQ(waits.rest(), "");
}

TEST(ProxiedClients, PartsOfAHeaderCostNoTurns) {
  TestServer server(trusting("127.0.0.1", Header::kExpected));
  TestClient slow(server.port);
  slow.send(kLocalHeader.substr(0, 15));
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 1; }));
  EXPECT_TRUE(server_is_quiet());
}

}  // namespace
}  // namespace cachey::net
