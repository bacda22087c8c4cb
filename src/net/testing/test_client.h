#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cachey::net {

/// An HTTP/1.1 client on a blocking socket: sends any bytes, receives responses. Every read gives
/// up after 10 s.
class TestClient {
 public:
  struct Response {
    int status = 0;    ///< 0: no response
    std::string head;  ///< with the empty line
    std::string body;  ///< as sent: chunks are not decoded
    bool whole = false;

    [[nodiscard]] bool has(std::string_view line) const {
      return head.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
    }
  };

  /// `receive_buffer`: SO_RCVBUF; 0: the system's default. `from`: an address of the loopback.
  explicit TestClient(uint16_t port, int receive_buffer = 0, const char* from = "127.0.0.1")
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer != 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const timeval limit{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int late = 1;  // the port is chosen by connect()
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = inet_addr(from);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  virtual ~TestClient() {
    if (fd_ >= 0) ::close(fd_);
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;
  TestClient(TestClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        connected_(other.connected_),
        in_(std::move(other.in_)) {}

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }

  /// False: the server has closed the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = write_some(bytes);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  void get(std::string_view target, std::string_view more = {}) {
    send("GET " + std::string(target) + " HTTP/1.1\r\nHost: t\r\n" + std::string(more) + "\r\n");
  }

  /// Reads some bytes. False: end, reset or timeout.
  bool receive() {
    char block[65536];
    const ssize_t n = read_some(block);
    if (n == 0) ended_ = true;
    if (n < 0 && errno == ECONNRESET) reset_ = true;
    if (n > 0) in_.append(block, static_cast<size_t>(n));
    return n > 0;
  }

  /// The next response. `head_only`: it has no body, whatever its head says.
  Response response(bool head_only = false) {
    Response r;
    while (in_.find("\r\n\r\n") == std::string::npos) {
      if (!receive()) return r;
    }
    const size_t head = in_.find("\r\n\r\n") + 4;
    r.head = in_.substr(0, head);
    in_.erase(0, head);
    r.status = std::atoi(r.head.substr(9, 3).c_str());
    if (head_only) {
      r.whole = true;
    } else if (r.has("Transfer-Encoding: chunked")) {
      read_chunks(r);
    } else {
      const size_t at = r.head.find("Content-Length: ");
      const size_t length =
          at == std::string::npos ? 0 : std::strtoull(&r.head[at + 16], nullptr, 10);
      r.whole = take(length, r.body);
    }
    return r;
  }

  /// The next `bytes` bytes, or fewer if there are no more.
  std::string take(size_t bytes) {
    std::string taken;
    take(bytes, taken);
    return taken;
  }

  /// All bytes until the end, a reset or a timeout.
  std::string rest() {
    while (receive()) continue;
    return std::exchange(in_, {});
  }

  /// The bytes that receive() has read.
  std::string take_received() { return std::exchange(in_, {}); }

  /// Why a read failed.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool reset() const { return reset_; }

 protected:
  /// As recv() and send().
  virtual ssize_t read_some(std::span<char> into) { return recv(fd_, into.data(), into.size(), 0); }
  virtual ssize_t write_some(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  /// Moves `bytes` received bytes to the end of `to`. False: there are fewer.
  bool take(size_t bytes, std::string& to) {
    while (in_.size() < bytes) {
      if (!receive()) break;
    }
    const size_t there = std::min(bytes, in_.size());
    to.append(in_, 0, there);
    in_.erase(0, there);
    return there == bytes;
  }

  bool take_line(std::string& line) {
    while (in_.find("\r\n") == std::string::npos) {
      if (!receive()) return false;
    }
    return take(in_.find("\r\n") + 2, line);
  }

  void read_chunks(Response& r) {
    while (true) {
      std::string line;
      if (!take_line(line)) return;
      r.body += line;
      const size_t length = std::strtoull(line.c_str(), nullptr, 16);
      if (length == 0) break;
      if (!take(length + 2, r.body)) return;
    }
    while (!r.body.ends_with("\r\n\r\n")) {
      if (!take_line(r.body)) return;
    }
    r.whole = true;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  bool reset_ = false;
  std::string in_;
};

}  // namespace cachey::net
