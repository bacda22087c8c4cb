// What happens to clients past a limit: too many, too slow, too large, or malformed.
#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/testing/sanitized.h"
#include "net/http1/connection.h"
#include "net/listener.h"
#include "net/testing/test_client.h"
#include "net/testing/test_server.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

/// The request is refused with a reason, and the connection is closed.
void expect_refusal(TestClient& client, int status, std::string_view text) {
  const auto response = client.response();
  EXPECT_EQ(response.status, status);
  EXPECT_EQ(response.body, std::string(text) + "\n");
  EXPECT_TRUE(response.has("Connection: close"));
  EXPECT_TRUE(response.has("Content-Type: text/plain; charset=utf-8"));
  shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(client.ended());
}

TEST(ServerLimits, RefusesWhatSmuggles) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
       "there are both Content-Length and Transfer-Encoding"},
      {"Content-Length: 5\r\nContent-Length: 5\r\n", "there are two Content-Length fields"},
      {"Content-Length: 5x\r\n", "the Content-Length is not a number of bytes"},
      {"Transfer-Encoding: gzip\r\n",
       "the only Transfer-Encoding taken is chunked, once, in HTTP/1.1"},
      {"X: a\n", "a line ends in LF without CR"},
      {"X: a\rb\r\n", "CR without LF"},
      {"X: a\r\n b\r\n", "a field line starts with a space"},
      {"Content-Length : 5\r\n", "a space stands before a field's colon"},
      {": a\r\n", "a field has no name"},
      {"X: \x01\r\n", "a field's value has a control character"},
      {"Host: t\r\n", "there are two Host fields"},
  };
  TestServer server;
  for (const auto& [fields, text] : cases) {
    TestClient client(server.port);
    client.get("/echo", fields);
    client.get("/echo");  // must not be answered
    expect_refusal(client, 400, text);
  }
  TestClient no_host(server.port);
  no_host.send("GET /echo HTTP/1.1\r\n\r\n");
  expect_refusal(no_host, 400, "the Host field is missing");
  EXPECT_EQ(server.stats().bad_requests, std::size(cases) + 1);
  EXPECT_EQ(server.stats().requests, 0u);
}

TEST(ServerLimits, TooLargeAHeadIs431) {
  TestServer server;
  const auto request = [](size_t bytes) {
    std::string text = "GET /bytes/1 HTTP/1.1\r\nHost: t\r\nX: ";
    text.append(bytes - text.size() - 4, 'x');
    return text + "\r\n\r\n";
  };
  TestClient fits(server.port);
  fits.send(request(16 * 1024));
  EXPECT_EQ(fits.response().body, body_bytes(1));
  for (const size_t bytes : {16 * 1024 + 1, 200'000}) {
    TestClient client(server.port);
    client.send(request(bytes));
    expect_refusal(client, 431, "the request's head is too large");
  }
  TestClient huge(server.port);
  EXPECT_TRUE(huge.send(request(4'000'000)));
  EXPECT_EQ(huge.response().status, 431);
  TestClient unending(server.port);
  unending.send("GET /" + std::string(16 * 1024, 'x'));
  expect_refusal(unending, 431, "the request's head is too large");
  TestClient many(server.port);
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "X: y\r\n";
  many.get("/bytes/1", fields);
  expect_refusal(many, 431, "the request has too many fields");
}

TEST(ServerLimits, LargeHeadsAreServedAndCharged) {
  std::atomic<int64_t> charged{0};
  ServerConfig config;
  config.charge = [&charged](int64_t bytes) { charged += bytes; };
  TestServer server(config);
  std::vector<TestClient> clients;
  const std::string part = "GET /bytes/1 HTTP/1.1\r\nHost: t\r\nX: " + std::string(9000, 'x');
  for (size_t i = 0; i < 400; ++i) {
    clients.emplace_back(server.port);
    clients.back().send(part);
  }
  EXPECT_TRUE(eventually([&] { return charged == 400 * 14 * 1024; }));  // 16 KiB less 2 KiB each
  for (TestClient& client : clients) client.send("\r\n\r\n");
  for (TestClient& client : clients) EXPECT_EQ(client.response().status, 206);
  EXPECT_TRUE(eventually([&] { return charged == 0; }));
}

TEST(ServerLimits, ASlowHeadIs408) {
  ServerConfig config;
  config.head_timeout = 100ms;
  TestServer server(config);
  TestClient client(server.port);
  client.send("GET /echo HTTP/1.1\r\n");
  expect_refusal(client, 408, "the request's head took too long");
  TestClient dripping(server.port);  // further bytes do not extend the limit
  while (dripping.send("G")) {
    pollfd ready{dripping.fd(), POLLIN, 0};
    if (poll(&ready, 1, 10) == 1) break;
  }
  EXPECT_EQ(dripping.response().status, 408);
}

TEST(ServerLimits, AnIdleConnectionIsClosedWithoutAWord) {
  ServerConfig config;
  config.idle_timeout = 100ms;
  TestServer server(config);
  TestClient fresh(server.port);
  TestClient used(server.port);
  used.get("/bytes/1");
  EXPECT_EQ(used.response().body, body_bytes(1));
  for (TestClient* client : {&fresh, &used}) {
    EXPECT_EQ(client->rest(), "");
    EXPECT_TRUE(client->ended());
  }
}

TEST(ServerLimits, AClientThatTakesNothingIsBrokenOff) {
  ServerConfig config;
  config.write_timeout = 200ms;
  TestServer server(config);
  TestClient client(server.port, 4096);
  client.get("/bytes/30000000");
  ASSERT_TRUE(eventually([&] { return server.handler.unwritable == 1; }));
  EXPECT_FALSE(client.response().whole);
  EXPECT_TRUE(client.reset());
}

TEST(ServerLimits, ASlowReaderIsProgress) {
  ServerConfig config;
  config.write_timeout = 150ms;
  TestServer server(config);
  TestClient client(server.port, 16 * 1024);
  client.get("/bytes/30000000", "Connection: close\r\n");
  // Each pause is much shorter than the limit, all together are ten times as long.
  char block[32 * 1024];
  size_t got = 0;
  const auto end = std::chrono::steady_clock::now() + 1500ms;
  while (std::chrono::steady_clock::now() < end) {
    const ssize_t n = recv(client.fd(), block, sizeof block, 0);
    ASSERT_GT(n, 0);
    got += static_cast<size_t>(n);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_LT(got, 30'000'000u);
  EXPECT_EQ(server.handler.unwritable, 0);
  const std::string rest = client.rest();
  EXPECT_GT(got + rest.size(), 30'000'000u);
}

TEST(ServerLimits, AClientThatTakesLittleIsBrokenOff) {
  ServerConfig config;
  config.write_timeout = 300ms;
  TestServer server(config);
  TestClient client(server.port, 4096);
  client.get("/bytes/30000000");
  char block[256];
  for (int i = 0; i < 100 && server.handler.unwritable == 0; ++i) {
    (void)recv(client.fd(), block, sizeof block, MSG_DONTWAIT);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(server.handler.unwritable, 1);
}

/// The client's receive window is closed nearly all the time.
TEST(ServerLimits, AReaderThatPausesIsProgress) {
  ServerConfig config;
  config.write_timeout = 1s;
  TestServer server(config);
  TestClient client(server.port, 32 * 1024);
  client.get("/bytes/1000000", "Connection: close\r\n");
  char block[32 * 1024];
  size_t got = 0;
  const auto end = std::chrono::steady_clock::now() + 4s;
  while (std::chrono::steady_clock::now() < end) {
    const ssize_t n = recv(client.fd(), block, sizeof block, 0);
    ASSERT_GT(n, 0) << got;
    got += static_cast<size_t>(n);
    std::this_thread::sleep_for(400ms);
  }
  EXPECT_GT(got + client.rest().size(), 1'000'000u);
}

TEST(ServerLimits, AfterACloseTheKernelKeepsBytesForAWhile) {
  ServerConfig config;
  config.write_timeout = 300ms;
  TestServer server(config);
  TestClient client(server.port, 4096);
  client.get("/bytes/200000", "Connection: close\r\n");
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 1; }));
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  std::this_thread::sleep_for(2s);  // the kernel looks at times that it doubles each time
  EXPECT_LT(client.rest().size(), 200'000u);
  EXPECT_TRUE(client.reset());
}

TEST(ServerLimits, TheKernelHoldsLittleForAClientThatDoesNotRead) {
  TestServer server;
  TestClient client(server.port, 4096);
  client.get("/early/30000000");
  const auto taken = [&] { return server.handler.body_bytes_taken.load(); };
  ASSERT_TRUE(eventually([&] { return taken() > 0; }));
  std::this_thread::sleep_for(100ms);
  EXPECT_LE(taken(), size_t{2} * ClientSocket::kUnsentMax);
}

TEST(ServerLimits, AClientThatOwesARequestGivesWay) {
  ServerConfig config;
  config.connections_max = 4;
  TestServer server(config, 1);
  TestClient busy(server.port);
  busy.get("/wait");
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  TestClient silent(server.port);
  TestClient slow(server.port);
  slow.send("GET /by");
  TestClient idle(server.port);
  idle.get("/bytes/1");
  EXPECT_EQ(idle.response().status, 206);
  std::this_thread::sleep_for(AwaitedSockets::kWaitMin + 50ms);
  std::vector<TestClient> clients;
  for (TestClient* leaves : {&silent, &slow, &idle}) {  // the longest wait first
    clients.emplace_back(server.port);
    clients.back().get("/wait");
    EXPECT_EQ(leaves->rest(), "");
    EXPECT_TRUE(leaves->ended() || leaves->reset());
  }
  EXPECT_TRUE(eventually([&] { return server.handler.waiting == 4; }));
  EXPECT_EQ(server.stats().connections_refused, 0u);
  EXPECT_EQ(server.stats().connections_displaced, 3u);
  TestClient fifth(server.port);
  EXPECT_EQ(fifth.response().status, 503);
  server.handler.released = true;
  EXPECT_EQ(busy.response().status, 206);
}

TEST(ServerLimits, ARefusedClientGivesWay) {
  ServerConfig config;
  config.connections_max = 1;
  TestServer server(config, 1);
  for (int i = 0; i < 20; ++i) {
    TestClient refused(server.port);
    refused.send("nonsense\r\n\r\n");
    EXPECT_EQ(refused.response().status, 400);
    TestClient next(server.port);
    next.get("/bytes/5", "Connection: close\r\n");
    EXPECT_EQ(next.response().body, body_bytes(5)) << i;
  }
}

TEST(ServerLimits, TooManyConnectionsAre503) {
  ServerConfig config;
  config.connections_max = 9;
  TestServer server(config);
  std::vector<TestClient> clients = busy_clients(server, 9);
  for (int i = 0; i < 200; ++i) {
    TestClient client(server.port);
    client.get("/bytes/1");
    const auto response = client.response();
    EXPECT_EQ(response.status, 503);
    EXPECT_TRUE(response.has("Retry-After: 1"));
    EXPECT_EQ(response.body, "too many connections\n");
  }
  EXPECT_EQ(server.stats().connections_refused, 200u);
  EXPECT_EQ(server.stats().connections, 9);
  server.handler.released = true;
  clients.clear();
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 0; }));
  TestClient client(server.port);
  client.get("/bytes/1");
  EXPECT_EQ(client.response().status, 206);
}

TEST(ServerLimits, RefusesManyAtATimeAndStaysWell) {
  ServerConfig config;
  config.connections_max = 1;
  TestServer server(config);
  TestClient first = std::move(busy_clients(server, 1).front());
  std::vector<TestClient> clients;  // more than are given time, and no client closes
  for (size_t i = 0; i < 3 * Listener::kRefusedMax; ++i) clients.emplace_back(server.port);
  for (TestClient& client : clients) {
    EXPECT_EQ(client.response().status, 503);
    EXPECT_EQ(client.rest(), "");
    EXPECT_TRUE(client.ended());
  }
  server.handler.released = true;
  EXPECT_EQ(first.response().status, 206);
}

TEST(ServerLimits, AcceptsAgainWhenFilesAreFree) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP()
      << "the check of an object's type opens a pipe, and reports the object where it cannot";
#endif
#endif
  TestServer server;
  TestClient before(server.port);
  before.get("/bytes/1");
  EXPECT_EQ(before.response().status, 206);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int next = dup(0);
  close(next);
  TestClient* waiting = nullptr;
  {
    const rlimit tight{static_cast<rlim_t>(next) + 1, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
    waiting =
        new TestClient(server.port);  // takes the last file descriptor: the server has none for it
    waiting->get("/bytes/2");
    before.get("/bytes/1");
    EXPECT_EQ(before.response().status, 206);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  EXPECT_EQ(waiting->response().body, body_bytes(2));
  delete waiting;
}

/// Allocated bytes. Not the resident size, because memory freed by earlier tests stays resident.
size_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(ServerLimits, IdleConnectionsCostLittleMemory) {
  if (kSanitized) GTEST_SKIP() << "sanitizers have their own memory";
  constexpr size_t kCount = 5000;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 2 * kCount + 100) GTEST_SKIP() << "too few files allowed";
  TestServer server;
  std::vector<TestClient> clients;
  clients.reserve(kCount);
  clients.emplace_back(server.port);
  const size_t before = allocated_bytes();
  while (clients.size() < kCount) {
    clients.emplace_back(server.port);
    ASSERT_TRUE(clients.back().connected());
    clients.back().get("/bytes/100");
  }
  for (size_t i = 1; i < kCount; ++i) ASSERT_EQ(clients[i].response().body.size(), 100u);
  const size_t each = (allocated_bytes() - before) / kCount;
  RecordProperty("bytes_per_idle_connection", static_cast<int>(each));
  std::printf("an idle connection costs %zu bytes\n", each);
  EXPECT_LT(each, 4096u);  // 10,000 of them: 40 MiB
}

}  // namespace
}  // namespace cachey::net
