#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "net/connection/connection.h"
#include "net/connection/connection_shares.h"
#include "net/connection/worker_state.h"
#include "rt/worker.h"

namespace cachey::net {

/// The listening sockets of one worker, and the connections accepted on them. Made and opened by
/// the Server on main's thread; after start() the worker's thread only, except wait_until_empty().
/// Kept alive by the Server and by its own coroutines.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  /// Connections past connections_max that are given time to read their 503. Past this many, they
  /// are closed at once.
  static constexpr size_t kRefusedMax = 64;
  static constexpr int kBacklog = 4096;
  static constexpr std::chrono::milliseconds kAcceptPause{
      100};  ///< if the process has no file descriptors left

  Listener(rt::Worker& worker, Handler& handler, const ServerConfig& config, const Clock& clock,
           ServerStats& stats, ConnectionShares& shares)
      : state_(worker, handler, config, clock, stats), shares_(shares), clock_(clock) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Binds and listens. The listeners of the other workers share the address. Call once for each
  /// address.
  [[nodiscard]] Result<rt::Tcp::endpoint> open(const ListenEndpoint& where);

  void start();
  /// From now on answers ask clients to go elsewhere. All requests are served, new connections too.
  void leave();
  /// Accepts what waits in the backlog, then closes the listening sockets and idle connections.
  void drain();
  /// True if a client has not reset its connection.
  [[nodiscard]] bool has_clients();
  /// Ends every connection at once. REQUIRES: drain() was called.
  void break_off();

  /// True if the last coroutine has ended after a drain(). Waits until `deadline`. Any thread.
  [[nodiscard]] bool wait_until_empty(MonoTime deadline) const;

 private:
  using Connections =
      boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>>;

  using Sockets = boost::intrusive::list<ClientSocket, boost::intrusive::constant_time_size<false>>;

  static rt::Task<void> accept_all(std::shared_ptr<Listener> self, size_t acceptor);
  static rt::Task<void> serve(std::shared_ptr<Listener> self, rt::Socket socket, IpAddress address);
  [[nodiscard]] rt::Task<bool> serve_http1(ClientSocket& socket, Buffer& received);
  [[nodiscard]] rt::Task<void> serve_http2(ClientSocket& socket, Buffer received);
  static rt::Task<void> refuse(std::shared_ptr<Listener> self, rt::Socket socket);
  [[nodiscard]] bool expects_proxy_header(const ClientSocket& socket) const;
  [[nodiscard]] rt::Task<bool> read_proxy_header(ClientSocket& socket);
  [[nodiscard]] rt::Task<bool> handshake(ClientSocket& socket);
  [[nodiscard]] std::chrono::nanoseconds begin_setup(ClientSocket& socket);
  void end_setup(ClientSocket& socket);
  void count_protocol(std::optional<Protocol> protocol, std::optional<Protocol>& before);
  void admit(rt::Socket socket);
  [[nodiscard]] bool make_place(ConnectionShares::Place place, const IpAddress& address);
  void coroutine_ended();

  WorkerState state_;
  ConnectionShares& shares_;  // of the server
  const Clock& clock_;
  std::vector<rt::Acceptor> acceptors_;
  Sockets setups_;  // of clients that have no Connection yet
  Connections connections_;
  size_t refused_ = 0;  // connections in connections_ past the limit
  size_t running_ = 0;  // coroutines of this listener
  std::promise<void> empty_promise_;
  std::shared_future<void> empty_{empty_promise_.get_future()};
};

}  // namespace cachey::net
