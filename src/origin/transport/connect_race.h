#pragma once

#include <boost/asio/ip/address.hpp>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "origin/transport/io_failure.h"
#include "rt/timer_wheel.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Connects to the first of several addresses that answers (RFC 8305, "happy eyeballs"): to one
/// after the other, the next when the last has failed or has not answered for kStagger; whoever
/// connects first wins, and the rest are closed. For one run; shared with its sockets' handlers.
/// One worker's thread.
class ConnectRace : public std::enable_shared_from_this<ConnectRace> {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;

  static constexpr std::chrono::milliseconds kStagger{250};

  /// REQUIRES: there are addresses.
  ConnectRace(rt::Worker& worker, Addresses addresses, uint16_t port);
  ConnectRace(const ConnectRace&) = delete;
  ConnectRace& operator=(const ConnectRace&) = delete;

  [[nodiscard]] rt::Task<IoResult<rt::Socket>> run(MonoTime deadline, std::stop_token stop);

  /// Who failed, or was tried before the winner and had not answered by then; nobody where the time
  /// was up first, or it was stopped. After run().
  [[nodiscard]] const Addresses& losers() const { return losers_; }

 private:
  /// Ends the race with the coroutine that runs it, however that ends.
  class CloseOnExit {
   public:
    explicit CloseOnExit(ConnectRace& race) : race_(race) {}
    ~CloseOnExit() { race_.close(); }
    CloseOnExit(const CloseOnExit&) = delete;
    CloseOnExit& operator=(const CloseOnExit&) = delete;

   private:
    ConnectRace& race_;
  };

  void start_next();
  void ended(size_t index, const boost::system::error_code& error);
  void lost(size_t index, const boost::system::error_code& error);
  void finish();
  void close();

  rt::Worker& worker_;
  const Addresses addresses_;
  const uint16_t port_;
  std::deque<rt::Socket> sockets_;  // of the addresses tried so far
  std::vector<bool> failed_;        // of the same
  size_t running_ = 0;
  bool over_ = false;
  std::optional<size_t> winner_;
  IoFailure last_failure_;
  Addresses losers_;
  rt::WaiterList waiting_;  // the coroutine of run()
  rt::TimerWheel::Entry stagger_;
};

}  // namespace cachey::origin
