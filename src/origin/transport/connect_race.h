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

/// Connects to the first of several addresses that answers (RFC 8305, "happy eyeballs"). The race
/// starts an attempt to the next address when the last attempt has failed or has been running for
/// kStagger. The first connection wins; the others are closed. One object does one run. Shared with
/// the handlers of its sockets. One worker's thread.
class ConnectRace : public std::enable_shared_from_this<ConnectRace> {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;

  static constexpr std::chrono::milliseconds kStagger{250};

  /// REQUIRES: `addresses` is not empty.
  ConnectRace(rt::Worker& worker, Addresses addresses, uint16_t port);
  ConnectRace(const ConnectRace&) = delete;
  ConnectRace& operator=(const ConnectRace&) = delete;

  /// kTimedOut past `deadline`, kCancelled if `stop` is requested, else the last attempt's failure.
  [[nodiscard]] rt::Task<IoResult<rt::Socket>> run(MonoTime deadline, std::stop_token stop);

  /// The addresses that failed, or that were tried before the winner and had not answered when the
  /// winner did. Empty after a timeout or a stop. Call after run().
  [[nodiscard]] const Addresses& losers() const { return losers_; }

 private:
  /// Ends the race when the coroutine of run() ends, also if the coroutine is destroyed.
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
  void attempt_ended(size_t index, const boost::system::error_code& error);
  void attempt_failed(size_t index, const boost::system::error_code& error);
  void finish();
  void close();

  rt::Worker& worker_;
  const Addresses addresses_;
  const uint16_t port_;
  std::deque<rt::Socket> sockets_;  // of addresses_[0], [1], ...: those tried so far
  std::vector<bool> failed_;        // of the same addresses
  size_t running_ = 0;
  bool over_ = false;
  std::optional<size_t> winner_;
  IoFailure last_failure_;
  Addresses losers_;
  rt::WaiterList waiting_;  // holds at most the coroutine of run()
  rt::TimerWheel::Entry stagger_;
};

}  // namespace cachey::origin
