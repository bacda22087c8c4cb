#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/testing/certificates.h"

namespace cachey::origin {

/// The server's end of one connection: blocking calls of the script that plays it.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Starts TLS. False: the handshake failed.
  bool start_tls(SSL_CTX* context);
  /// The next request's head with its last empty line; empty if the client has closed.
  [[nodiscard]] std::string read_request();
  /// The next `size` bytes; fewer if the client has closed.
  [[nodiscard]] std::string read_body(size_t size);
  /// False: the client has closed.
  bool send(std::string_view bytes);
  /// Sends `count` TLS 1.3 key updates. False: the client has closed. REQUIRES: TLS 1.3.
  bool update_keys(size_t count);
  /// Returns when the client has closed the connection.
  void wait_until_closed();
  /// Closes so that the client reads a reset, not an end.
  void reset();

 private:
  [[nodiscard]] bool receive();

  int fd_;
  SSL* tls_ = nullptr;
  std::string received_;
};

/// Address, port and TLS of a scripted server.
struct Listening {
  const char* address = "127.0.0.1";
  uint16_t port = 0;                       ///< 0: any free port
  const TestIdentity* identity = nullptr;  ///< null: no TLS
  bool tls_later = false;                  ///< the script starts TLS itself
  int tls_version_max = 0;                 ///< 0: the newest
};

/// A server on loopback that runs a script for each connection, on a thread of its own. The
/// connection closes when the script returns. Owned by the test.
class ScriptedServer {
 public:
  /// `connection` counts from 0.
  using Script = std::function<void(Peer& peer, int connection)>;

  explicit ScriptedServer(Script script, const TestIdentity* identity = nullptr)
      : ScriptedServer(std::move(script), Listening{.identity = identity}) {}
  ScriptedServer(Script script, const Listening& listening);
  ~ScriptedServer();

  [[nodiscard]] SSL_CTX* tls() const { return tls_; }

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_.load(); }

 private:
  void accept_all();
  void serve(int fd, int connection);

  const Script script_;
  const bool tls_at_once_;
  SSL_CTX* tls_ = nullptr;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread acceptor_;
  Mutex mutex_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<int> open_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
