// hit_floor: the least that a server of hits in memory can do on one thread with sockets and epoll.
//
// Answers a request head with one sendmsg of a response head and the bytes of the range, straight
// from memory. A request costs one recv, one sendmsg and its share of an epoll_wait; there is no
// epoll_ctl after accept. The server checks nothing that the bytes of the answer do not depend on,
// has no time limits and keeps no counts. `./dev bench compare` shows its cost as the floor of any
// server of HTTP/1.1.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr const char* kUsage =
    "usage: hit_floor PORT DIRECTORY\n"
    "Serves the files of DIRECTORY, each under every path that ends in /NAME, on 127.0.0.1.\n"
    "A request needs `Range: bytes=FIRST-LAST`, which is inside the file. Any other request ends\n"
    "its connection.\n";
constexpr size_t kRequestBytesMax = 4096;  // of the heads that have arrived and are not answered
constexpr size_t kHeadBytesMax = 512;      // of a response
constexpr int kEventsMax = 128;            // as many as Asio takes at once
constexpr size_t kHugePage = size_t{2} << 20;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "hit_floor: %s\n", why.c_str());
  std::exit(2);
}

/// The bytes of all files, in memory of their own with huge pages: as a cache holds its pages.
class Objects {
 public:
  explicit Objects(const std::filesystem::path& directory) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.is_regular_file()) load(entry.path(), entry.file_size());
    }
  }

  /// The object that is named behind the last slash of `path`; nullopt: there is none.
  [[nodiscard]] std::optional<std::span<const char>> find(std::string_view path) const {
    const auto found = objects_.find(path.substr(path.rfind('/') + 1));
    if (found == objects_.end()) return std::nullopt;
    return found->second;
  }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  void load(const std::filesystem::path& path, size_t size) {
    auto* memory = static_cast<char*>(std::aligned_alloc(kHugePage, (size | (kHugePage - 1)) + 1));
    if (memory == nullptr) fail("no memory for " + path.string());
    (void)madvise(memory, size, MADV_HUGEPAGE);
    std::ifstream file(path, std::ios::binary);
    if (!file.read(memory, static_cast<std::streamsize>(size)))
      fail("cannot read " + path.string());
    objects_.emplace(path.filename().string(), std::span<const char>(memory, size));
  }

  std::unordered_map<std::string, std::span<const char>, Hash, std::equal_to<>> objects_;
};

/// Builds the head of a response: as many fields and about as many bytes as Cachey sends.
class Head {
 public:
  Head(uint64_t first, uint64_t last, uint64_t size) {
    add("HTTP/1.1 206 Partial Content\r\nDate: Sun, 29 Nov 2026 12:00:00 GMT\r\n"
        "Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\nVary: C0-Bucket\r\n"
        "Last-Modified: Sun, 29 Nov 2026 12:00:00 GMT\r\nETag: \"0123456789abcdef\"\r\n"
        "C0-Status: 0123456789; bench; 0\r\nContent-Range: bytes ");
    add(first);
    add("-");
    add(last);
    add("/");
    add(size);
    add("\r\nContent-Length: ");
    add(last - first + 1);
    add("\r\n\r\n");
  }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  void add(std::string_view text) {
    std::memcpy(text_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void add(uint64_t number) {
    char* const begin = text_.data() + size_;
    size_ +=
        static_cast<size_t>(std::to_chars(begin, text_.data() + text_.size(), number).ptr - begin);
  }

  std::array<char, kHeadBytesMax> text_;
  size_t size_ = 0;
};

/// One client. Deletes nothing itself: on_event() returns false if the connection is over.
class Connection {
 public:
  Connection(int fd, const Objects& objects) : fd_(fd), objects_(objects) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd_); }

  /// Edge-triggered: reads until the socket has no more, and writes until the socket is full.
  [[nodiscard]] bool on_event() {
    if (!send_rest()) return false;
    while (left_.empty() && !full_) {
      const size_t room = requests_.size() - received_;
      const ssize_t got = recv(fd_, requests_.data() + received_, room, 0);
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      if (got == 0) return false;
      received_ += static_cast<size_t>(got);
      if (!answer_all()) return false;
      if (static_cast<size_t>(got) < room) return true;
    }
    return true;
  }

 private:
  /// Answers what has arrived, up to the first answer that does not fit into the socket.
  [[nodiscard]] bool answer_all() {
    size_t done = 0;
    full_ = false;
    while (left_.empty()) {
      const std::string_view text(requests_.data() + done, received_ - done);
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string_view::npos) break;
      if (!answer(text.substr(0, end))) return false;
      if (full_) break;
      done += end + 4;
    }
    if (done != 0) std::memmove(requests_.data(), requests_.data() + done, received_ - done);
    received_ -= done;
    return received_ < requests_.size() || full_ || !left_.empty();
  }

  [[nodiscard]] bool answer(std::string_view request) {
    constexpr std::string_view kRange = "ange: bytes=";  // Range or range
    const size_t path_end = request.find(' ', 4);
    const size_t range = request.find(kRange);
    if (path_end == std::string_view::npos || range == std::string_view::npos) return false;
    const auto object = objects_.find(request.substr(4, path_end - 4));
    uint64_t first = 0;
    uint64_t last = 0;
    const char* const end = request.data() + request.size();
    const auto dash = std::from_chars(request.data() + range + kRange.size(), end, first);
    if (dash.ec != std::errc() || dash.ptr == end) return false;
    if (std::from_chars(dash.ptr + 1, end, last).ec != std::errc()) return false;
    if (!object || first > last || last >= object->size()) return false;
    return send(Head(first, last, object->size()).text(), object->subspan(first, last - first + 1));
  }

  [[nodiscard]] bool send(std::string_view head, std::span<const char> body) {
    std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                               iovec{const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
    full_ = sent < 0 && errno == EAGAIN;
    if (full_) return true;
    if (sent < static_cast<ssize_t>(head.size())) return false;
    left_ = body.subspan(static_cast<size_t>(sent) - head.size());
    return true;
  }

  /// Sends what the socket did not take, and answers the requests behind that.
  [[nodiscard]] bool send_rest() {
    if (full_) return answer_all();
    if (left_.empty()) return true;
    const ssize_t sent = ::send(fd_, left_.data(), left_.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    left_ = left_.subspan(static_cast<size_t>(sent));
    return !left_.empty() || answer_all();
  }

  const int fd_;
  const Objects& objects_;
  std::array<char, kRequestBytesMax> requests_;
  size_t received_ = 0;
  std::span<const char> left_;  // of the body under way
  bool full_ = false;           // the socket took nothing of the next answer
};

int listen_at(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 4096) != 0) {
    fail(std::string("cannot listen: ") + std::strerror(errno));
  }
  return fd;
}

void watch(int epoll, int fd, uint32_t events, Connection* connection) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = connection;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

void accept_all(int epoll, int listener, const Objects& objects) {
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, new Connection(fd, objects));
  }
}

[[noreturn]] void serve(int listener, const Objects& objects) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener, EPOLLIN, nullptr);
  std::array<epoll_event, kEventsMax> events;
  while (true) {
    const int count = epoll_wait(epoll, events.data(), kEventsMax, -1);
    for (int i = 0; i < count; ++i) {
      auto* const connection = static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      if (connection == nullptr) {
        accept_all(epoll, listener, objects);
      } else if (!connection->on_event()) {
        delete connection;  // the socket's close takes it out of the epoll
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  uint16_t port = 0;
  if (argc == 3) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), port);
  if (port == 0) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const Objects objects(argv[2]);
  serve(listen_at(port), objects);
}
