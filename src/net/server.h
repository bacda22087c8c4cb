#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/shard.h"
#include "net/connection/listen_address.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::net {

class TlsContexts;

/// Where a server listens, and its limits towards its clients.
struct ServerConfig {
  using Milliseconds = std::chrono::milliseconds;

  std::vector<ListenAddress> listen_addresses{{"0.0.0.0", 0}};  ///< at least one
  std::shared_ptr<TlsContexts> tls;                             ///< on all of them; null: none
  size_t connections_max = 10'000;     ///< all workers together; past it: 503 and close
  size_t head_bytes_max = 16 * 1024;   ///< request line and fields; past it: 431
  Milliseconds head_timeout{10'000};   ///< from a request's first byte to its head's last
  Milliseconds idle_timeout{75'000};   ///< between requests
  Milliseconds write_timeout{60'000};  ///< a client that takes no byte for so long

  /// Told when what connections hold beyond the few KiB of a plain one grows (or, negative,
  /// shrinks) by so many bytes: their part of the process's memory budget. Any worker; no locks;
  /// until the last has ended.
  std::function<void(int64_t bytes)> charge = [](int64_t) {};
};

/// Responses by class of status, 1xx to 5xx. Any thread.
class ResponseCounts {
 public:
  static constexpr size_t kClasses = 5;
  void count(unsigned status) { classes_[std::clamp(status / 100, 1U, 5U) - 1].add(); }
  /// `status_class`: 0 for 1xx.
  [[nodiscard]] uint64_t total(size_t status_class) const { return classes_[status_class].total(); }

 private:
  std::array<ShardedCount, kClasses> classes_;
};

/// Counts that the server keeps; read at any time, from any thread.
struct ServerStats {
  std::atomic<int64_t> connections{0};              ///< open now
  std::atomic<uint64_t> connections_total{0};       ///< accepted
  std::atomic<uint64_t> connections_refused{0};     ///< answered 503 for being too many
  std::atomic<uint64_t> requests{0};                ///< handed to the handler
  std::atomic<uint64_t> bad_requests{0};            ///< refused by the parser
  std::atomic<uint64_t> http2_resets{0};            ///< requests that their client took back
  std::atomic<uint64_t> tls_handshakes{0};          ///< that succeeded
  std::atomic<uint64_t> tls_handshake_failures{0};  ///< that had begun
  std::atomic<uint64_t> tls_sessions_resumed{0};    ///< of those that succeeded

  // By Protocol.
  std::array<std::atomic<int64_t>, kProtocols> connections_by_protocol{};  ///< open now
  std::array<ResponseCounts, kProtocols> responses;                        ///< heads queued

  [[nodiscard]] std::atomic<int64_t>& connections_of(Protocol protocol) {
    return connections_by_protocol[static_cast<size_t>(protocol)];
  }
  [[nodiscard]] ResponseCounts& responses_of(Protocol protocol) {
    return responses[static_cast<size_t>(protocol)];
  }
};

class Listener;

/// The HTTP server: a listener a worker (SO_REUSEPORT), and the connections it accepted. Owned by
/// main. Several may share the workers.
///
/// Life: start() binds and accepts. drain() closes the listeners (what already waits in their
/// backlog is still accepted) and idle connections, lets open requests finish with `Connection:
/// close` or GOAWAY, and returns when all are done or at the deadline, after breaking off the rest.
/// All are called by main, not on a worker. The workers must run. Destroy it, and the handler,
/// after a drain that returned true, or when the workers have stopped.
class Server {
 public:
  Server(rt::Workers& workers, Handler& handler, ServerConfig config);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds on every worker. The error says which address and why.
  [[nodiscard]] Result<void> start();

  /// The bound addresses, `127.0.0.1:8080` or `[::1]:8080`, in the config's order. REQUIRES:
  /// started.
  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }

  /// True where no client was left waiting at `time_limit`: every request had ended by itself, or
  /// its client had reset the connection.
  bool drain(std::chrono::milliseconds time_limit);

  [[nodiscard]] const ServerStats& stats() const;

 private:
  [[nodiscard]] Result<rt::Tcp::endpoint> bind(const ListenEndpoint& where);

  rt::Workers& workers_;
  Handler& handler_;
  const ServerConfig config_;
  ServerStats stats_;
  std::vector<std::string> addresses_;
  std::vector<std::shared_ptr<Listener>> listeners_;  // one a worker; shared with its connections
};

}  // namespace cachey::net
