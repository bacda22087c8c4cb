#include "load/load.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>

#include "load/answer_head.h"

namespace cachey::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReceiveBytes = 256 * 1024;
constexpr size_t kHeadBytesMax = 64 * 1024;
constexpr uint64_t kErrorsMax = 100;                 // past it the server counts as broken
constexpr auto kSilence = std::chrono::seconds(20);  // no event on any connection for this long
constexpr size_t kSamplesReserved = 4'000'000;  // 32 MB; a vector that grows would stall the load

uint32_t micros_since(Clock::time_point start) {
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
  return static_cast<uint32_t>(
      std::clamp<int64_t>(elapsed, 0, std::numeric_limits<uint32_t>::max()));
}

/// Owns the connections, sends the next request on each, counts the responses.
class Load {
 public:
  Load(const LoadOptions& options, std::span<const Wanted> wanted)
      : options_(options),
        wanted_(wanted),
        connections_(options.connections),
        buffer_(kReceiveBytes),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) give_up("epoll_create1");
    totals_.whole_us.reserve(kSamplesReserved);
    totals_.first_byte_us.reserve(kSamplesReserved);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { close(epoll_); }

  LoadTotals run() {
    for (Connection& connection : connections_) open(connection);
    start_ = Clock::now();
    end_ = start_ + std::chrono::duration_cast<Clock::duration>(options_.length);
    for (Connection& connection : connections_) idle_.push_back(&connection);
    send_what_is_due();
    std::vector<epoll_event> events(connections_.size());
    while (idle_.size() < connections_.size() || more_to_ask()) {
      wait(events);
      send_what_is_due();
    }
    if (options_.rate > 0 && !options_.once) {
      const auto due = static_cast<uint64_t>(options_.length.count() * options_.rate);
      totals_.not_sent = due - std::min<uint64_t>(due, next_);
    }
    return std::move(totals_);
  }

 private:
  struct Connection {
    int fd = -1;
    const Wanted* asked = nullptr;
    Clock::time_point due;
    std::string head;  // the response's first bytes, until its head is complete
    bool in_body = false;
    bool close_after = false;
    bool verify = false;
    uint64_t body_left = 0;
  };

  void open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) give_up("socket");
    const auto* address = reinterpret_cast<const sockaddr*>(&options_.server);
    if (connect(connection.fd, address, sizeof(options_.server)) != 0) {
      give_up(std::string("connect: ") + std::strerror(errno));
    }
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(connection.fd, F_SETFL, fcntl(connection.fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) give_up("epoll_ctl");
  }

  void reopen(Connection& connection) {
    close(connection.fd);
    ++totals_.reconnects;
    open(connection);
  }

  /// The time at which the next request is due. Without a rate: now.
  [[nodiscard]] Clock::time_point next_due() const {
    if (options_.rate <= 0) return Clock::now();
    const std::chrono::duration<double> after(static_cast<double>(next_) / options_.rate);
    return start_ + std::chrono::duration_cast<Clock::duration>(after);
  }

  [[nodiscard]] bool more_to_ask() const {
    if (options_.once && next_ >= wanted_.size()) return false;
    return Clock::now() < end_ && next_due() < end_;
  }

  void send_what_is_due() {
    while (!idle_.empty() && more_to_ask()) {
      const Clock::time_point due = next_due();
      if (due > Clock::now()) return;
      Connection& connection = *idle_.back();
      idle_.pop_back();
      send_next(connection, due);
    }
  }

  void wait(std::vector<epoll_event>& events) {
    auto limit = std::chrono::duration_cast<std::chrono::nanoseconds>(kSilence);
    const bool paced = options_.rate > 0 && !idle_.empty() && more_to_ask();
    if (paced) limit = std::max<std::chrono::nanoseconds>(next_due() - Clock::now(), limit.zero());
    const timespec time{.tv_sec = limit.count() / 1'000'000'000,
                        .tv_nsec = limit.count() % 1'000'000'000};
    const int count =
        epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &time, nullptr);
    if (count == 0 && !paced) give_up("no answer on any connection for 20 s");
    if (count < 0 && errno != EINTR) give_up("epoll_pwait2");
    for (int i = 0; i < count; ++i)
      receive(*static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr));
  }

  void send_next(Connection& connection, Clock::time_point due) {
    connection.asked = &wanted_[next_ % wanted_.size()];
    connection.verify =
        options_.verify != 0 && next_ % options_.verify == 0 && !connection.asked->body.empty();
    ++next_;
    connection.head.clear();
    connection.in_body = false;
    connection.close_after = false;
    connection.due = due;
    const std::string& request = connection.asked->request;
    const ssize_t sent = send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request.size())) fail(connection, "request could not be sent");
  }

  void fail(Connection& connection, const std::string& why) {
    if (totals_.errors++ == 0) {
      const std::string& request = connection.asked->request;
      totals_.first_error = why + " for " + request.substr(0, request.find(" HTTP/"));
    }
    if (totals_.errors >= kErrorsMax) give_up("too many errors; the first: " + totals_.first_error);
    reopen(connection);
    end_request(connection);
  }

  void end_request(Connection& connection) {
    connection.asked = nullptr;
    idle_.push_back(&connection);
  }

  void receive(Connection& connection) {
    const ssize_t got = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (connection.asked == nullptr) {  // idle: the server may close the connection, but not send
      if (got > 0) give_up("bytes that nobody asked for");
      reopen(connection);
      return;
    }
    if (got <= 0) {
      fail(connection, connection.in_body
                           ? "body ended " + std::to_string(connection.body_left) + " bytes short"
                           : std::string("connection closed before the answer"));
      return;
    }
    std::string_view body(buffer_.data(), static_cast<size_t>(got));
    if (!connection.in_body) {
      connection.head.append(body);
      const std::optional<size_t> head_bytes = accept_head(connection);
      if (!head_bytes) return;
      body = std::string_view(connection.head).substr(*head_bytes);
      if (body.empty()) return;
    }
    take_body(connection, body);
  }

  void take_body(Connection& connection, std::string_view body) {
    const uint64_t at = connection.asked->body_bytes - connection.body_left;
    if (at == 0) totals_.first_byte_us.push_back(micros_since(connection.due));
    if (body.size() > connection.body_left) {
      fail(connection, "more bytes than Content-Length");
      return;
    }
    if (connection.verify &&
        std::memcmp(body.data(), connection.asked->body.data() + at, body.size()) != 0) {
      fail(connection, "WRONG BYTES at " + std::to_string(at) + " of the body");
      return;
    }
    totals_.body_bytes += body.size();
    connection.body_left -= body.size();
    if (connection.body_left == 0) finish(connection);
  }

  /// The head's length; nullopt while the head is incomplete, or if it is wrong.
  std::optional<size_t> accept_head(Connection& connection) {
    const std::optional<AnswerHead> head = parse_answer_head(connection.head);
    if (!head) {
      if (connection.head.size() > kHeadBytesMax) fail(connection, "head without an end");
      return std::nullopt;
    }
    if (head->status != 206) {
      fail(connection, "status " + std::to_string(head->status));
      return std::nullopt;
    }
    if (head->content_length != connection.asked->body_bytes) {
      fail(connection, "wrong Content-Length");
      return std::nullopt;
    }
    connection.in_body = true;
    connection.close_after = head->close;
    connection.body_left = *head->content_length;
    return head->bytes;
  }

  void finish(Connection& connection) {
    ++totals_.requests;
    totals_.verified += connection.verify;
    totals_.whole_us.push_back(micros_since(connection.due));
    if (connection.close_after) reopen(connection);
    end_request(connection);
  }

  const LoadOptions& options_;
  const std::span<const Wanted> wanted_;
  std::vector<Connection> connections_;
  std::vector<Connection*> idle_;
  std::vector<char> buffer_;
  const int epoll_;
  Clock::time_point start_;
  Clock::time_point end_;
  size_t next_ = 0;  // requests sent
  LoadTotals totals_;
};

}  // namespace

LoadTotals run_load(const LoadOptions& options, std::span<const Wanted> wanted) {
  return Load(options, wanted).run();
}

void give_up(std::string_view why) {
  std::fprintf(stderr, "fetch_load: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(2);
}

}  // namespace cachey::bench
