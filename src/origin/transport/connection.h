#pragma once

#include <boost/asio/ip/address.hpp>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "origin/transport/io_failure.h"
#include "origin/transport/tls.h"
#include "origin/transport/transport_counters.h"
#include "rt/io.h"
#include "rt/timer_wheel.h"
#include "rt/worker.h"

namespace cachey::origin {

class TlsStream;

/// One connection to a server: TCP, or TLS over TCP. Each operation has a deadline. Past the
/// deadline the socket is closed, so after a failure only the destructor may be called. Owned by
/// the pool while idle, else by the lease. The destructor closes the socket. One worker's thread.
class Connection {
 public:
  Connection(rt::Worker& worker, std::shared_ptr<TransportCounters> counters);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// From now on every operation ends with kCancelled when `stop` is requested. Replaces the token
  /// of an earlier call. `stop` is requested on the worker's thread. REQUIRES: no operation runs.
  void cancel_on(std::stop_token stop);

  /// Connects to the first address that answers, see ConnectRace.
  [[nodiscard]] rt::Task<IoResult<void>> connect(std::vector<boost::asio::ip::address> addresses,
                                                 uint16_t port, MonoTime deadline);

  /// The addresses that did not answer connect(), see ConnectRace::losers().
  [[nodiscard]] const std::vector<boost::asio::ip::address>& unreachable() const {
    return unreachable_;
  }

  /// Starts TLS. REQUIRES: connected, nothing sent. `context` must outlive the connection.
  [[nodiscard]] rt::Task<IoResult<void>> handshake(TlsContext& context, std::string host,
                                                   MonoTime deadline);

  /// Sends all of `bytes`, which must live until the task ends.
  [[nodiscard]] rt::Task<IoResult<void>> write(std::string_view bytes, MonoTime deadline);

  /// Reads at least one byte. REQUIRES: `into` is not empty.
  [[nodiscard]] rt::Task<IoResult<size_t>> read_some(std::span<std::byte> into, MonoTime deadline);

  /// Bytes that the kernel has received and nobody has read.
  [[nodiscard]] size_t unread() const;

  /// Whether an idle connection is usable: the peer has neither closed it nor sent anything.
  [[nodiscard]] bool is_quiet();

 private:
  struct Close {
    Connection& connection;
    void operator()() const { connection.close(); }
  };

  [[nodiscard]] bool begin_operation(MonoTime deadline);
  void end_operation() { running_ = false; }
  void close();
  [[nodiscard]] IoFailure failure(const boost::system::error_code& error) const;

  rt::Worker& worker_;
  const std::shared_ptr<TransportCounters> counters_;
  rt::Socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain TCP
  rt::TimerWheel::Entry limit_;
  std::vector<boost::asio::ip::address> unreachable_;
  bool connected_ = false;
  bool running_ = false;  // an operation runs
  bool timed_out_ = false;
  std::stop_token stop_;
  std::optional<std::stop_callback<Close>> on_stop_;
};

}  // namespace cachey::origin
