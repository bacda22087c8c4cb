// What happens to TLS clients past a limit, or with another protocol.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/testing/sanitized.h"
#include "net/http1/connection.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_test_client.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

/// Sums up the charges of connections.
class Charges {
 public:
  std::function<void(int64_t)> counter() {
    return [this](int64_t bytes) {
      const int64_t now = held_ += bytes;
      int64_t peak = peak_;
      while (now > peak && !peak_.compare_exchange_weak(peak, now)) continue;
    };
  }
  [[nodiscard]] int64_t held() const { return held_; }
  [[nodiscard]] int64_t peak() const { return peak_; }

 private:
  std::atomic<int64_t> held_{0};
  std::atomic<int64_t> peak_{0};
};

bool allow_many_files(size_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > count + 100;
}

TEST(TlsLimits, AClientWithoutTlsIsToldSo) {
  TestServer server(tls_config());
  TestClient client(server.port);
  client.get("/bytes/5");
  const auto response = client.response();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "this port speaks TLS\n");
  EXPECT_TRUE(response.has("Connection: close"));
  shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(server.stats().tls_handshake_failures, 1u);
}

TEST(TlsLimits, AClientWithTlsIsToldThatThereIsNone) {
  TestServer server;
  EXPECT_FALSE(TlsTestClient(server.port).agreed());
  EXPECT_TRUE(eventually([&] { return server.stats().bad_requests == 1; }));
}

TEST(TlsLimits, GarbageIsHungUpOn) {
  TestServer server(tls_config());
  const std::string_view garbage[] = {"\x16\x03\x01\xff\xff", "\x80\x2e\x01\x03\x01", "{}{}{}{}{}",
                                      std::string_view("\0\0\0\0\0\0", 6)};
  for (const std::string_view bytes : garbage) {
    TestClient client(server.port);
    client.send(std::string(bytes) + std::string(20'000, 'x'));
    client.rest();
    EXPECT_TRUE(client.ended() || client.reset());
  }
  EXPECT_TRUE(eventually([&] { return server.stats().tls_handshake_failures == 4; }));
  EXPECT_TRUE(TlsTestClient(server.port).agreed());
}

TEST(TlsLimits, AHandshakeHasATimeLimit) {
  ServerConfig config = tls_config();
  config.head_timeout = 100ms;
  TestServer server(config);
  const auto begun = std::chrono::steady_clock::now();
  TestClient silent(server.port);
  TestClient halfway(server.port);
  halfway.send("\x16\x03\x01");
  for (TestClient* client : {&silent, &halfway}) {
    EXPECT_EQ(client->rest(), "");
    EXPECT_TRUE(client->ended() || client->reset());
  }
  // By this limit and no other: the clients give up after 10 s, and no other limit is shorter.
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 100ms);
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  EXPECT_EQ(server.stats().tls_handshake_failures, 1u);  // the silent client made no attempt
}

TEST(TlsLimits, AHandshakeThatIsNotOverCostsNoTime) {
  const std::string hello = client_hello();
  TestServer server(tls_config());
  for (const size_t size : {size_t{1}, size_t{3}, hello.size() / 2}) {
    TestClient client(server.port);
    client.send(std::string_view(hello).substr(0, size));
    ASSERT_TRUE(eventually([&] { return server.stats().connections == 1; }));
    EXPECT_TRUE(server_is_quiet()) << size;
    client.send(std::string_view(hello).substr(size));
    ASSERT_TRUE(client.receive());
    EXPECT_EQ(client.take_received().front(), '\x16');  // of the ServerHello
    EXPECT_TRUE(server_is_quiet()) << size;
    shutdown(client.fd(), SHUT_RDWR);
    ASSERT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  }
}

TEST(TlsLimits, ARequestThatIsNotOverCostsNoTime) {
  TestServer server(tls_config());
  TlsTestClient client(server.port);
  client.send("GET /echo HT");
  EXPECT_TRUE(server_is_quiet());
  const char beginning[] = {23, 3, 3, 1};  // of a record
  ASSERT_EQ(send(client.fd(), beginning, sizeof beginning, 0), 4);
  EXPECT_TRUE(server_is_quiet());
}

TEST(TlsLimits, BytesBehindARefusalCostNoTime) {
  TestServer server(tls_config());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsTestClient client(server.port, {.version = version});
    client.send("X\n" + std::string(8192, 'x'));
    EXPECT_EQ(client.response().status, 400);
    EXPECT_TRUE(server_is_quiet());  // while it waits for the rest
    EXPECT_EQ(server.stats().connections, 1);
    EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
    client.rest();
    EXPECT_TRUE(client.ended());
  }
}

TEST(TlsLimits, ARequestAndAPauseHaveTimeLimits) {
  ServerConfig config = tls_config();
  config.head_timeout = 300ms;
  config.idle_timeout = 300ms;
  TestServer server(config);
  TlsTestClient slow(server.port);
  slow.send("GET /echo HTTP/1.1\r\n");
  EXPECT_EQ(slow.response().status, 408);
  TlsTestClient idle(server.port);
  EXPECT_EQ(idle.rest(), "");
  EXPECT_TRUE(idle.ended());
}

TEST(TlsLimits, TooManyConnectionsAreClosed) {
  ServerConfig config = tls_config();
  config.connections_max = 2;
  TestServer server(config);
  TlsTestClient first(server.port);
  TlsTestClient second(server.port);
  for (TlsTestClient* client : {&first, &second}) client->get("/wait");
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 2; }));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(TlsTestClient(server.port).agreed());
  EXPECT_EQ(server.stats().connections_refused, 50u);
  EXPECT_EQ(server.stats().connections, 2);
}

TEST(TlsLimits, AClientThatOwesAHandshakeGivesWay) {
  ServerConfig config = tls_config();
  config.connections_max = 2;
  TestServer server(config, 1);
  TestClient silent(server.port);
  TestClient halfway(server.port);
  halfway.send("\x16\x03\x01");
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 2; }));
  std::this_thread::sleep_for(AwaitedSockets::kWaitMin + 50ms);
  for (int i = 0; i < 3; ++i) {
    TlsTestClient client(server.port);
    client.get("/bytes/1");
    EXPECT_EQ(client.response().status, 206);
  }
  EXPECT_EQ(server.stats().connections_refused, 0u);
}

/// Sends `count` key updates.
void update_keys(TlsTestClient& client, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    if (SSL_do_handshake(client.ssl()) != 1) return;  // the server has gone
  }
}

TEST(TlsLimits, RecordsWithoutDataAreCounted) {
  TestServer server(tls_config());
  constexpr int kMost = tls::Stream::kEmptyRecordsMax;
  TlsTestClient client(server.port, {.version = TLS1_3_VERSION});
  for (int i = 0; i < 3; ++i) {
    update_keys(client, kMost - 1);
    for (int k = 0; k < kMost; ++k) {  // each makes up for one
      client.get("/bytes/1");
      ASSERT_EQ(client.response().status, 206);
    }
  }
  update_keys(client, kMost + 1);
  client.get("/bytes/1");
  EXPECT_FALSE(client.response().whole);
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(TlsLimits, AByteOfDataDoesNotPayForManyRecordsWithoutData) {
  TestServer server(tls_config());
  TlsTestClient client(server.port, {.version = TLS1_3_VERSION});
  client.send("GET /bytes/1 HTTP/1.1\r\nHost: t\r\nX: ");
  bool open = true;
  for (int i = 0; open && i < 100; ++i) {
    update_keys(client, 8);
    open = client.send("x");
  }
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(TlsLimits, AttemptsToRenegotiateAreCounted) {
  TestServer server(tls_config());
  TlsTestClient client(server.port, {.version = TLS1_2_VERSION});
  client.get("/bytes/1");
  ASSERT_EQ(client.response().status, 206);
  bool open = true;
  for (int i = 0; open && i < 100; ++i) {
    open = SSL_renegotiate(client.ssl()) == 1 && (SSL_do_handshake(client.ssl()), true) &&
           client.send("x");
  }
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(TlsLimits, AHandshakeInManySmallRecordsEnds) {
  const std::string hello = client_hello();
  std::string small;
  for (const char byte : hello.substr(5)) small += std::string("\x16\x03\x01\0\1", 5) + byte;
  TestServer server(tls_config());
  TestClient client(server.port);
  client.send(small);
  client.rest();
  EXPECT_TRUE(client.ended() || client.reset());
  EXPECT_TRUE(eventually([&] { return server.stats().tls_handshake_failures == 1; }));
}

TEST(TlsLimits, SilentHandshakesKeepNobodyOut) {
  constexpr size_t kTooMany = 3 * tls::Worker::kHandshakesMax;  // more than both workers take
  if (!allow_many_files(2 * kTooMany)) GTEST_SKIP() << "too few files allowed";
  ServerConfig config = tls_config();
  config.head_timeout = 60s;
  TestServer server(config);
  const std::string hello = client_hello();
  for (const std::string_view sent : {std::string_view("\x16"), std::string_view(hello)}) {
    std::vector<TestClient> clients;
    for (size_t i = 0; i < kTooMany; ++i) {
      clients.emplace_back(server.port);
      clients.back().send(sent);
      if (i % 256 == 255) EXPECT_TRUE(TlsTestClient(server.port).agreed()) << i;
    }
    EXPECT_TRUE(TlsTestClient(server.port).agreed());
    clients.clear();
    ASSERT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  }
}

TEST(TlsLimits, FewHandshakesAreOpenAtATime) {
  constexpr size_t kTooMany = 2 * tls::Worker::kHandshakesMax + 100;  // more than both workers take
  if (!allow_many_files(2 * kTooMany)) GTEST_SKIP() << "too few files allowed";
  ServerConfig config = tls_config();
  config.head_timeout = 60s;  // so that no handshake ends by it
  TestServer server(config);
  std::vector<TestClient> clients;
  for (size_t i = 0; i < kTooMany; ++i) {
    clients.emplace_back(server.port);
    clients.back().send("\x16");
  }
  // Past the limit of a worker, the oldest handshakes are closed. The rest stay open.
  const auto open = [&] { return static_cast<size_t>(server.stats().connections); };
  const auto closed = [&] { return server.stats().tls_handshake_failures.load(); };
  EXPECT_TRUE(eventually([&] { return closed() >= 100 && open() + closed() == kTooMany; }));
  EXPECT_GE(open(), tls::Worker::kHandshakesMax);
  EXPECT_TRUE(server_is_quiet());
  EXPECT_EQ(open() + closed(), kTooMany);
  clients.clear();
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  EXPECT_TRUE(TlsTestClient(server.port).agreed());
}

TEST(TlsLimits, ASlowReaderHoldsLittle) {
  Charges charges;
  ServerConfig config = tls_config();
  config.charge = charges.counter();
  {
    TestServer server(config);
    for (const std::string_view more : {"", "TE: trailers\r\n"}) {
      TlsTestClient client(server.port, {.receive_buffer = 4096});
      client.get("/bytes/20000000", more);
      const auto response = client.response();
      ASSERT_TRUE(response.whole);
      if (more.empty()) EXPECT_TRUE(response.body == body_bytes(20'000'000));
    }
    EXPECT_TRUE(eventually([&] { return charges.held() == 0; }));
    EXPECT_LE(charges.peak(), int64_t{2 * tls::Worker::kWindowMax} + 2 * tls::Stream::kIdleBytes);
    TlsTestClient leaves(server.port, {.receive_buffer = 4096});
    leaves.get("/bytes/20000000");
    ASSERT_TRUE(leaves.receive());
    EXPECT_GT(charges.held(), 0);
  }
  EXPECT_EQ(charges.held(), 0);
}

TEST(TlsLimits, AClientThatTakesNothingIsBrokenOff) {
  ServerConfig config = tls_config();
  config.write_timeout = 200ms;
  TestServer server(config);
  TlsTestClient client(server.port, {.receive_buffer = 4096});
  client.get("/bytes/30000000");
  ASSERT_TRUE(eventually([&] { return server.handler.unwritable == 1; }));
  EXPECT_FALSE(client.response().whole);
  EXPECT_FALSE(client.ended());
}

TEST(TlsLimits, ASlowReaderIsProgress) {
  ServerConfig config = tls_config();
  config.write_timeout = 150ms;
  TestServer server(config);
  TlsTestClient client(server.port, {.receive_buffer = 16 * 1024});
  client.get("/bytes/30000000");
  char block[32 * 1024];
  size_t got = 0;
  const auto end = std::chrono::steady_clock::now() + 1500ms;
  while (std::chrono::steady_clock::now() < end) {
    const int n = SSL_read(client.ssl(), block, sizeof block);
    ASSERT_GT(n, 0);
    got += static_cast<size_t>(n);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_LT(got, 30'000'000u);
  EXPECT_EQ(server.handler.unwritable, 0);
}

TEST(TlsLimits, BytesThatWereTakenLeaveWhileTheRestIsAwaited) {
  TestServer server(tls_config());
  for (const size_t count : {0, 1, 3'000'000}) {
    server.handler.released = false;
    TlsTestClient client(server.port, {.receive_buffer = 4096});
    client.get("/early/" + std::to_string(count));
    EXPECT_EQ(client.response(true).status, 200);
    const auto begun = client.take(count);
    EXPECT_TRUE(begun == body_bytes(count)) << count;
    server.handler.released = true;
    EXPECT_EQ(client.take(5), body_bytes(count + 5).substr(count));
  }
}

TEST(TlsLimits, IdleConnectionsCostWhatIsCharged) {
  if (kSanitized) GTEST_SKIP() << "sanitizers have their own memory";
  constexpr size_t kCount = 500;
  if (!allow_many_files(2 * kCount)) GTEST_SKIP() << "too few files allowed";
  TestServer server(tls_config());
  // Clients are in this process too: each keeps only its socket, so that its memory is not counted.
  std::vector<int> sockets;
  const auto connect_one = [&] {
    TlsTestClient client(server.port);
    ASSERT_TRUE(client.agreed());
    client.get("/bytes/100");
    ASSERT_EQ(client.response().body.size(), 100u);
    sockets.push_back(dup(client.fd()));
  };
  const auto allocated = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  for (int i = 0; i < 10; ++i) connect_one();
  const size_t before = allocated();
  for (size_t i = 0; i < kCount; ++i) connect_one();
  const size_t each = (allocated() - before) / kCount;
  std::printf("an idle connection with TLS costs %zu bytes\n", each);
  RecordProperty("bytes_per_idle_tls_connection", static_cast<int>(each));
  EXPECT_EQ(server.stats().connections, static_cast<int64_t>(kCount) + 10);
  EXPECT_LT(each, static_cast<size_t>(tls::Stream::kIdleBytes) + 4096);
  EXPECT_GT(each, static_cast<size_t>(tls::Stream::kIdleBytes) / 2);
  for (const int socket : sockets) close(socket);
}

}  // namespace
}  // namespace cachey::net
