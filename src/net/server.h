#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "net/connection/listen_address.h"
#include "net/connection/server_config.h"
#include "net/connection/server_stats.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::net {

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
  Server(rt::Workers& workers, Handler& handler, ServerConfig config, const Clock& clock);
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
  const Clock& clock_;
  ServerStats stats_;
  std::vector<std::string> addresses_;
  std::vector<std::shared_ptr<Listener>> listeners_;  // one a worker; shared with its connections
};

}  // namespace cachey::net
