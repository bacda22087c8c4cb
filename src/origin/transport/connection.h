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

/// One connection to a server, TCP or TLS over it. Each operation has a deadline; when it passes
/// the socket is closed, so that after a failure nothing but the destructor may be called. Owned by
/// the pool when idle, else by the lease; one worker's thread. Destroying it closes the socket.
class Connection {
 public:
  Connection(rt::Worker& worker, std::shared_ptr<TransportCounters> counters);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// From now on whatever it does ends, with kCancelled, when `stop` is requested, on the worker's
  /// thread; what was asked for before is forgotten. REQUIRES: nothing is under way.
  void cancel_on(std::stop_token stop);

  /// To the first of the addresses that answers, see ConnectRace.
  [[nodiscard]] rt::Task<IoResult<void>> connect(std::vector<boost::asio::ip::address> addresses,
                                                 uint16_t port, MonoTime deadline);

  /// Those that did not answer connect().
  [[nodiscard]] const std::vector<boost::asio::ip::address>& unreachable() const {
    return unreachable_;
  }

  /// REQUIRES: connected, nothing sent. `context` must outlive the connection.
  [[nodiscard]] rt::Task<IoResult<void>> handshake(TlsContext& context, std::string host,
                                                   MonoTime deadline);

  /// Sends all of `bytes`, which must live until the task ends.
  [[nodiscard]] rt::Task<IoResult<void>> write(std::string_view bytes, MonoTime deadline);

  /// Reads at least one byte. REQUIRES: `into` is not empty.
  [[nodiscard]] rt::Task<IoResult<size_t>> read_some(std::span<std::byte> into, MonoTime deadline);

  /// Bytes that have come and were not read, as far as the kernel has them.
  [[nodiscard]] size_t unread() const;

  /// Whether an idle connection still stands: the peer has neither ended it nor sent anything.
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
  bool running_ = false;  // an operation is under way
  bool timed_out_ = false;
  std::stop_token stop_;
  std::optional<std::stop_callback<Close>> on_stop_;
};

}  // namespace cachey::origin
