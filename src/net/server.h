#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "net/connection/connection_shares.h"
#include "net/connection/listen_address.h"
#include "net/connection/server_config.h"
#include "net/connection/server_stats.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::net {

class Listener;

/// The HTTP server: one listener for each worker (SO_REUSEPORT), and the accepted connections.
/// Owned by app::Process. Several servers may share the workers.
///
/// start() binds and accepts. leave() lets answers say `Connection: close` or GOAWAY, but requests
/// and new connections are served as before. drain() first accepts what waits in the backlog, then
/// closes the listeners and idle connections and lets open requests finish with `Connection: close`
/// or GOAWAY. It returns when all are done; at the time limit it breaks off the rest. All functions
/// are called by main, not on a worker, while the workers run. Destroy the server and the handler
/// after a drain() that returned true, or after the workers have stopped.
class Server {
 public:
  Server(rt::Workers& workers, Handler& handler, ServerConfig config, const Clock& clock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds on every worker. The error names the address and the reason.
  [[nodiscard]] Result<void> start();

  /// The bound addresses in the order of the config: `127.0.0.1:8080` or `[::1]:8080`. REQUIRES:
  /// start() succeeded.
  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }

  /// Asks clients to go elsewhere, for a shutdown that comes soon. Does not wait for the workers.
  /// REQUIRES: started.
  void leave();

  /// True: no client was waiting at `time_limit`, because every request had ended or its client had
  /// reset the connection.
  bool drain(std::chrono::milliseconds time_limit);

  [[nodiscard]] const ServerStats& stats() const;

 private:
  [[nodiscard]] Result<rt::Tcp::endpoint> bind(const ListenEndpoint& where);

  rt::Workers& workers_;
  Handler& handler_;
  const ServerConfig config_;
  const Clock& clock_;
  ServerStats stats_;
  ConnectionShares shares_;
  std::vector<std::string> addresses_;
  std::vector<std::shared_ptr<Listener>>
      listeners_;  // one for each worker; shared with its coroutines
};

}  // namespace cachey::net
