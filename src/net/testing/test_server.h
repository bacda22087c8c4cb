#pragma once

#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/testing/eventually.h"
#include "net/server.h"
#include "net/testing/test_client.h"
#include "rt/wakeup.h"
#include "rt/worker.h"

namespace cachey::net {

/// Byte `i` of every body that the test handler sends.
inline char body_byte(size_t i) { return static_cast<char>('a' + (i * 7 + i / 251) % 26); }

inline std::string body_bytes(size_t count) {
  std::string body(count, '\0');
  for (size_t i = 0; i < count; ++i) body[i] = body_byte(i);
  return body;
}

/// Answers by the first segment of the target, as listed in handle(). N: the last segment.
class TestHandler final : public Handler {
 public:
  std::atomic<bool> released{false};        ///< lets /wait and /early continue
  std::atomic<int> waiting{0};              ///< requests that wait for `released`
  std::atomic<int> left{0};                 ///< clients of /hang that left
  std::atomic<int> blocks{0};               ///< requests that have begun a /block
  std::atomic<size_t> body_bytes_taken{0};  ///< bytes of bodies that offer() has taken
  std::atomic<int> unwritable{0};  ///< responses that ended because writable() returned false

  rt::Task<void> handle(rt::Worker& worker, const Request& request,
                        ResponseWriter& writer) override {
    const std::string_view target = request.target();
    if (target.starts_with("/bytes/")) {  // N bytes, offered as a whole
      co_await send(request, writer, number(target), kBodyMax, kBodyMax);
    } else if (target.starts_with("/pieces/")) {  // offered 1000 bytes at a time, in two parts each
      co_await send(request, writer, number(target), 1000, kBodyMax);
    } else if (target.starts_with("/half/")) {  // ends after N / 2 bytes, without finish
      co_await send(request, writer, number(target), kBodyMax, number(target) / 2);
    } else if (target.starts_with("/open/")) {  // N bytes of unknown length, 1000 at a time
      co_await send_open(request, writer, number(target), number(target));
    } else if (target.starts_with("/open-half/")) {  // ends after N / 2 bytes, without finish
      co_await send_open(request, writer, number(target), number(target) / 2);
    } else if (target.starts_with("/open-hang/")) {  // after N bytes waits for the client to leave
      co_await send_open(request, writer, number(target) + 1, number(target));
      co_await wait_for_end(worker, writer);
    } else if (target.starts_with("/announced/")) {  // announces N bytes, offers none
      ResponseHead head(206);
      head.set_content_length(number(target));
      writer.start(head);
      (void)co_await writer.finish(std::span<const Field>());
    } else if (target.starts_with("/lines/")) {  // N lines of 100 bytes, and one behind them
      co_await send_lines(request, writer);
    } else if (target == "/echo") {
      co_await echo(request, writer);
    } else if (target == "/client") {  // the client's address
      std::string body = request.client_address().to_string();
      ResponseHead head(200);
      head.set_content_length(body.size());
      writer.start(head);
      const bool sent = co_await offer_all(writer, body, body.size(), body.size());
      if (sent) (void)co_await writer.finish(std::span<const Field>());
    } else if (target == "/wait") {  // polls `released` every 10 ms; then 5 bytes
      ++waiting;
      while (!released) co_await worker.timers().sleep(std::chrono::milliseconds(10));
      --waiting;
      co_await send(request, writer, 5, kBodyMax, kBodyMax);
    } else if (target.starts_with("/hang")) {  // as /wait, after N bytes; ends if the client leaves
      co_await hang(worker, request, writer);
    } else if (target.starts_with("/block/")) {  // blocks its worker for N ms; then 5 bytes
      ++blocks;
      std::this_thread::sleep_for(std::chrono::milliseconds(number(target)));
      co_await send(request, writer, 5, kBodyMax, kBodyMax);
    } else if (target.starts_with("/early")) {  // head and N bytes, 5 more after `released`
      co_await early(worker, request, writer);
    } else if (target.starts_with("/trailers/")) {  // 5 bytes, and N bytes of trailers
      co_await send_trailers(writer, number(target));
    } else if (target == "/throw") {
      throw std::runtime_error("on purpose");
    } else if (target == "/abort") {
      co_await send(request, writer, 1000, kBodyMax, 500);
      writer.abort();
    }  // else: ends without a response
  }

 private:
  static constexpr size_t kBodyMax = size_t{64} << 20;

  static size_t number(std::string_view target) {
    const std::string_view digits = target.substr(target.rfind('/') + 1);
    size_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }

  /// Starts a response of `count` bytes, sends `limit` of them, and finishes it if that is all.
  rt::Task<void> send(const Request& request, ResponseWriter& writer, size_t count, size_t piece,
                      size_t limit) {
    std::string body = body_bytes(count);
    ResponseHead head(206);
    head.add("X-Test", "yes");
    head.set_content_length(count);
    if (request.takes_trailers()) head.set_trailer_name("C0-Status");
    writer.start(head);
    const bool sent = co_await offer_all(writer, body, piece, std::min(count, limit));
    if (!sent || limit < count) co_return;
    const std::vector<Field> trailers = {Field("C0-Status", "0-1; b; 0"),
                                         Field("C0-Status", "2-3; b; 0")};
    (void)co_await writer.finish(trailers);
  }

  /// Starts a response of unknown length, sends `limit` bytes, and finishes it if that is all.
  rt::Task<void> send_open(const Request& request, ResponseWriter& writer, size_t count,
                           size_t limit) {
    std::string body = body_bytes(count);
    ResponseHead head(200);
    head.set_content_length_unknown();
    if (request.asks_for_trailers()) head.set_trailer_name("X");
    writer.start(head);
    const bool sent = co_await offer_all(writer, body, 1000, limit);
    if (!sent || limit < count) co_return;
    const Field trailer("X", "end");
    (void)co_await writer.finish(std::span(&trailer, request.asks_for_trailers() ? 1 : 0));
  }

  rt::Task<bool> offer_all(ResponseWriter& writer, std::string& body, size_t piece, size_t limit) {
    size_t at = 0;
    while (at < limit) {
      const size_t bytes = std::min(piece, limit - at);
      const size_t first = bytes / 3;
      const iovec parts[2] = {{body.data() + at, first}, {body.data() + at + first, bytes - first}};
      const size_t taken = writer.offer(parts);
      at += taken;
      body_bytes_taken += taken;
      if (taken != 0) continue;
      const bool more = co_await writer.writable();
      if (!more) {
        ++unwritable;
        co_return false;
      }
    }
    co_return true;
  }

  /// The first line has the body's type.
  rt::Task<void> send_lines(const Request& request, ResponseWriter& writer) {
    std::string body = body_bytes(5);
    std::string lines = "Content-Type: text/\xc3\xbc\r\n";
    for (size_t i = 0; i < number(request.target()); ++i) {
      const std::string name = "X-Line-" + std::to_string(i);
      lines += name + ": " + std::string(96 - name.size(), 'x') + "\r\n";
    }
    ResponseHead head(200);
    head.add("X-Test", "yes");
    head.add_lines(lines);
    head.add_lines("X-More: \r\n");
    head.set_content_length(body.size());
    writer.start(head);
    lines.assign(lines.size(), '?');
    const bool sent = co_await offer_all(writer, body, body.size(), body.size());
    if (sent) (void)co_await writer.finish(std::span<const Field>());
  }

  rt::Task<void> send_trailers(ResponseWriter& writer, size_t bytes) {
    std::string body = body_bytes(5);
    ResponseHead head(206);
    head.set_content_length(5);
    head.set_trailer_name("X");
    writer.start(head);
    const bool sent = co_await offer_all(writer, body, 5, 5);
    const std::string value(1000, '~');
    const std::vector<Field> trailers(bytes / value.size(), Field{"X", value});
    if (sent) (void)co_await writer.finish(trailers);
  }

  rt::Task<void> early(rt::Worker& worker, const Request& request, ResponseWriter& writer) {
    const size_t count = number(request.target());
    std::string body = body_bytes(count + 5);
    ResponseHead head(200);
    head.set_content_length(body.size());
    if (request.takes_trailers()) head.set_trailer_name("");
    writer.start(head);
    const bool flushed = co_await writer.flush();
    if (!flushed) co_return;
    const bool begun = co_await offer_all(writer, body, kBodyMax, count);
    if (!begun) co_return;
    ++waiting;
    while (!released) co_await worker.timers().sleep(std::chrono::milliseconds(10));
    --waiting;
    body.erase(0, count);
    const bool sent = co_await offer_all(writer, body, 5, 5);
    if (sent) (void)co_await writer.finish(std::span<const Field>());
  }

  rt::Task<void> hang(rt::Worker& worker, const Request& request, ResponseWriter& writer) {
    const size_t count = number(request.target());
    std::string body = body_bytes(count + 5);
    if (count != 0) {
      ResponseHead head(200);
      head.set_content_length(body.size());
      writer.start(head);
      const bool begun = co_await offer_all(writer, body, kBodyMax, count);
      if (!begun) co_return;
    }
    ++waiting;
    const std::stop_token gone = writer.client_left();
    bool stays = true;
    while (!released && stays) {
      stays = co_await rt::sleep(worker, std::chrono::milliseconds(100), gone);
    }
    --waiting;
    if (!stays) {
      ++left;
    } else if (count == 0) {
      co_await send(request, writer, 5, kBodyMax, kBodyMax);
    }
  }

  rt::Task<void> wait_for_end(rt::Worker& worker, ResponseWriter& writer) {
    const std::stop_token gone = writer.client_left();
    bool stays = true;
    while (stays) stays = co_await rt::sleep(worker, std::chrono::milliseconds(100), gone);
    ++left;
  }

  rt::Task<void> echo(const Request& request, ResponseWriter& writer) {
    std::string body = std::string(request.method_name()) + " ";
    body += request.target();
    for (const Field& field : request.fields()) {
      body += "|" + std::string(field.name) + "=" + std::string(field.value);
    }
    ResponseHead head(200);
    head.add("X-Split", "a\r\nInjected: b");
    head.set_content_length(body.size());
    writer.start(head);
    const bool sent = co_await offer_all(writer, body, body.size(), body.size());
    if (sent) (void)co_await writer.finish(std::span<const Field>());
  }
};

inline uint16_t port_of(const std::string& address) {
  return static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

/// A server on a free port of 127.0.0.1. Drained by the destructor.
class TestServer {
 public:
  explicit TestServer(ServerConfig config = {}, unsigned workers = 2)
      : workers_(workers, clock_), server_(workers_, handler, local(config), clock_) {
    workers_.start();
    const Result<void> started = server_.start();
    if (!started) throw std::runtime_error(started.error().message());
    port = port_of(server_.addresses().front());
  }
  ~TestServer() {
    handler.released = true;
    server_.drain(std::chrono::seconds(5));
    workers_.stop_and_join();
  }

  [[nodiscard]] Server& server() { return server_; }
  [[nodiscard]] const ServerStats& stats() const { return server_.stats(); }

  TestHandler handler;
  uint16_t port = 0;

 private:
  static ServerConfig local(ServerConfig config) {
    config.listen_addresses = {{"127.0.0.1", 0}};
    return config;
  }

  const SystemClock clock_;
  rt::Workers workers_;
  Server server_;
};

/// CPU time of this process, including the clients of the test.
[[nodiscard]] inline std::chrono::nanoseconds cpu_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

/// True if the server uses no CPU time while this thread sleeps: it does not poll.
[[nodiscard]] inline bool server_is_quiet() {
  const std::chrono::nanoseconds before = cpu_time();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  return cpu_time() - before < std::chrono::milliseconds(100);
}

/// Opens `count` connections. Each has a request that is open until `released`.
inline std::vector<TestClient> busy_clients(TestServer& server, int count) {
  std::vector<TestClient> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(server.port);
    clients.back().get("/wait");
  }
  EXPECT_TRUE(eventually([&] { return server.handler.waiting == count; }));
  return clients;
}

}  // namespace cachey::net
