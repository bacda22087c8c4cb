#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "net/connection/client_socket.h"
#include "net/connection/worker_state.h"

namespace cachey::net {

/// kYes: the client may still send bytes that nobody reads. Closing at once would answer them with
/// a reset, which can destroy the response.
enum class Linger : uint8_t { kNo, kYes };

/// One client's connection, of any version of HTTP, as its Listener sees it. Lives in a coroutine
/// that the Listener spawned, and in the Listener's list; the worker's thread.
class Connection : public boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// Limits of the bytes that are read and thrown away before a close, so that a client that reads
  /// nothing before all of its body is sent still finds the response. Bytes thrown away cost no
  /// copy.
  static constexpr size_t kLingerBytesMax = size_t{128} << 20;
  static constexpr std::chrono::seconds kLingerTime{2};
  /// Of a worker; each further connection throws kLingerBytesMin away.
  static constexpr size_t kLingersMax = 64;
  static constexpr size_t kLingerBytesMin = size_t{256} << 10;
  /// While draining, the time for a connection to send its first request.
  static constexpr std::chrono::seconds kFirstRequestTime{1};

  /// `socket` outlives the connection.
  Connection(WorkerState& state, ClientSocket& socket)
      : state_(state),
        socket_(socket),
        by_proxy_(!state.config.trusted_proxies.empty() &&
                  state.config.trusted_proxies.contains(socket.peer())) {}
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Asks the client to open no more requests on this connection. REQUIRES: WorkerState::leaving.
  virtual void leave() {}
  /// Ends the connection after its open requests. REQUIRES: WorkerState::draining.
  virtual void drain() = 0;
  /// The address of the client that has sent a request with these fields.
  [[nodiscard]] IpAddress client_of(std::span<const Field> fields) const {
    return by_proxy_ ? client_behind_proxy(fields) : socket_.peer();
  }
  /// The other end of the connection: the client or a proxy. Lives as long as the connection.
  [[nodiscard]] const IpAddress& peer() const { return socket_.connected_from(); }
  /// The client has reset the connection, so it waits for no response.
  [[nodiscard]] bool client_left() { return socket_.reset_by_client(); }
  /// Ends the connection at once. Open responses are broken off.
  void break_off() { socket_.break_off(); }

 protected:
  /// Closes so that all bytes that were sent arrive.
  [[nodiscard]] rt::Task<void> close_gently(Linger linger);

  WorkerState& state_;
  ClientSocket& socket_;

 private:
  [[nodiscard]] IpAddress client_behind_proxy(std::span<const Field> fields) const;

  const bool by_proxy_;  // a trusted one
};

}  // namespace cachey::net
