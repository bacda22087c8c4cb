// copy_floor: the least that a cache does for a miss, as the floor of a comparison.
//
// A bare epoll loop on one thread. Each client connection has a connection of its own to the
// origin. A request goes on without its prefix /fetch, and the bytes of the answer are received
// into memory that keeps them, then sent from there. There is no cache, no parser of answers, no
// checksum, no limit.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kUsage =
    "usage: copy_floor PORT ORIGIN_PORT MEMORY_BYTES [CA_FILE]\n"
    "  PORT         listens on 127.0.0.1\n"
    "  ORIGIN_PORT  of the origin on 127.0.0.1\n"
    "  MEMORY_BYTES of the bytes that are kept; the oldest are overwritten\n"
    "  CA_FILE      TLS 1.3 to the origin, checked against these authorities\n";
constexpr size_t kChunkBytes = 256 * 1024;
constexpr size_t kRequestBytesMax = 64 * 1024;
constexpr std::string_view kPrefix = "GET /fetch/";

[[noreturn]] void fail(std::string_view why) {
  std::fprintf(stderr, "copy_floor: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(2);
}

template <typename Number>
Number parse(std::string_view text) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) fail(kUsage);
  return value;
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// The kept bytes, in chunks that are filled in turn. A chunk that a pair uses is passed over.
class Memory {
 public:
  explicit Memory(size_t bytes) : used_(bytes / kChunkBytes, false) {
    void* const start = mmap(nullptr, used_.size() * kChunkBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (used_.empty() || start == MAP_FAILED) fail("no memory for the kept bytes");
    start_ = static_cast<char*>(start);
    madvise(start, used_.size() * kChunkBytes, MADV_HUGEPAGE);
  }

  size_t take() {
    for (size_t tries = 0; tries < used_.size(); ++tries) {
      next_ = (next_ + 1) % used_.size();
      if (used_[next_]) continue;
      used_[next_] = true;
      return next_;
    }
    fail("more connections than chunks");
  }
  void give_back(size_t chunk) { used_[chunk] = false; }
  char* at(size_t chunk) const { return start_ + chunk * kChunkBytes; }

 private:
  std::vector<bool> used_;
  char* start_ = nullptr;
  size_t next_ = 0;
};

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

/// A client and its connection to the origin.
struct Pair {
  int client = -1;
  int origin = -1;
  std::unique_ptr<SSL, FreeSsl> ssl;  ///< none: the origin speaks plain HTTP
  std::string request;                ///< what the client has sent of its next request
  std::optional<size_t> chunk;
  size_t received = 0;  ///< bytes in the chunk
  size_t sent = 0;      ///< bytes of the chunk that the client has
};

class Loop {
 public:
  Loop(uint16_t port, uint16_t origin, size_t memory, SSL_CTX* tls)
      : memory_(memory),
        origin_(loopback(origin)),
        tls_(tls),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 4096) != 0)
      fail("cannot listen");
    watch(listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (const epoll_event& event : std::span(events).first(count > 0 ? count : 0)) {
        if (event.data.fd == listener_)
          accept_all();
        else
          serve(event.data.fd);
      }
    }
  }

 private:
  void watch(int fd, uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      auto pair = std::make_shared<Pair>();
      pair->client = fd;
      pair->origin = connect_origin(*pair);
      for (const int end : {pair->client, pair->origin}) {
        const int on = 1;
        setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (pairs_.size() <= static_cast<size_t>(end)) pairs_.resize(end + 1);
        pairs_[end] = pair;
        watch(end, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
      }
    }
  }

  /// Blocks for the handshakes: a run has few connections, and keeps them.
  int connect_origin(Pair& pair) const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&origin_), sizeof origin_) != 0)
      fail("the origin does not answer");
    if (tls_ != nullptr) {
      pair.ssl.reset(SSL_new(tls_));
      SSL_set_fd(pair.ssl.get(), fd);
      if (SSL_connect(pair.ssl.get()) != 1) fail("TLS to the origin");
    }
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    return fd;
  }

  void serve(int fd) {
    const std::shared_ptr<Pair> pair = pairs_[fd];
    if (pair != nullptr && !(pass_requests(*pair) && copy(*pair))) end(*pair);
  }

  /// False: the client is gone.
  bool pass_requests(Pair& pair) {
    std::array<char, 4096> bytes;
    for (;;) {
      const ssize_t got = recv(pair.client, bytes.data(), bytes.size(), 0);
      if (got == 0) return false;
      if (got < 0) return errno == EAGAIN;
      pair.request.append(bytes.data(), static_cast<size_t>(got));
      if (pair.request.ends_with("\r\n\r\n") && !send_request(pair)) return false;
      if (pair.request.size() > kRequestBytesMax) return false;
    }
  }

  static bool send_request(Pair& pair) {
    if (pair.request.starts_with(kPrefix)) pair.request.replace(0, kPrefix.size(), "GET /");
    const int size = static_cast<int>(pair.request.size());
    const ssize_t sent = pair.ssl ? SSL_write(pair.ssl.get(), pair.request.data(), size)
                                  : send(pair.origin, pair.request.data(), size, MSG_NOSIGNAL);
    pair.request.clear();
    return sent == size;
  }

  /// Copies until one of the two would block. False: one of them is gone.
  bool copy(Pair& pair) {
    for (;;) {
      if (pair.received == pair.sent && !receive(pair)) return false;
      if (pair.received == pair.sent) return true;
      const ssize_t sent = send(pair.client, memory_.at(*pair.chunk) + pair.sent,
                                pair.received - pair.sent, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      pair.sent += static_cast<size_t>(sent);
    }
  }

  bool receive(Pair& pair) {
    if (pair.received == kChunkBytes) {
      memory_.give_back(*pair.chunk);
      pair.chunk.reset();
    }
    if (!pair.chunk) {
      pair.chunk = memory_.take();
      pair.received = pair.sent = 0;
    }
    return pair.ssl ? receive_tls(pair) : receive_plain(pair);
  }

  bool receive_plain(Pair& pair) {
    const ssize_t got =
        recv(pair.origin, memory_.at(*pair.chunk) + pair.received, kChunkBytes - pair.received, 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    pair.received += static_cast<size_t>(got);
    return true;
  }

  /// Reads records until the chunk is full or no whole record is there.
  bool receive_tls(Pair& pair) {
    while (pair.received < kChunkBytes) {
      const int got = SSL_read(pair.ssl.get(), memory_.at(*pair.chunk) + pair.received,
                               static_cast<int>(kChunkBytes - pair.received));
      if (got <= 0) return SSL_get_error(pair.ssl.get(), got) == SSL_ERROR_WANT_READ;
      pair.received += static_cast<size_t>(got);
    }
    return true;
  }

  void end(const Pair& pair) {
    if (pair.chunk) memory_.give_back(*pair.chunk);
    const std::array ends{pair.client, pair.origin};
    for (const int fd : ends) {
      pairs_[fd].reset();
      close(fd);
    }
  }

  Memory memory_;
  sockaddr_in origin_;
  SSL_CTX* tls_;
  int epoll_;
  int listener_;
  std::vector<std::shared_ptr<Pair>> pairs_;  // by descriptor
};

SSL_CTX* tls_of(const char* authorities) {
  SSL_CTX* const tls = SSL_CTX_new(TLS_client_method());
  if (tls == nullptr || SSL_CTX_load_verify_file(tls, authorities) != 1) fail("bad CA_FILE");
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  return tls;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) fail(kUsage);
  const auto port = parse<uint16_t>(argv[1]);
  const auto origin = parse<uint16_t>(argv[2]);
  Loop(port, origin, parse<size_t>(argv[3]), argc == 5 ? tls_of(argv[4]) : nullptr).run();
}
