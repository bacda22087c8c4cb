#include "origin/transport/connect_race.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "rt/queued_waiter.h"

namespace cachey::origin {

ConnectRace::ConnectRace(rt::Worker& worker, Addresses addresses, uint16_t port)
    : worker_(worker),
      addresses_(std::move(addresses)),
      port_(port),
      stagger_([this] { start_next(); }) {
  CHECK(!addresses_.empty());
}

rt::Task<IoResult<rt::Socket>> ConnectRace::run(MonoTime deadline, std::stop_token stop) {
  const std::shared_ptr<ConnectRace> self = shared_from_this();
  const CloseOnExit close_on_exit(*this);
  bool in_time = worker_.timers().now() < deadline;
  if (in_time) start_next();
  if (in_time && !over_) {
    rt::QueuedWaiter waiter(worker_.executor(), waiting_);
    waiter.enqueue();
    in_time = co_await waiter.wait_in_list(worker_.timers(), deadline, stop);
  }
  for (size_t i = 0; in_time && i < sockets_.size(); ++i) {
    if (failed_[i] || (winner_ && i < *winner_)) losers_.push_back(addresses_[i]);
  }
  if (winner_) co_return std::move(sockets_[*winner_]);
  if (in_time) co_return std::unexpected(std::move(last_failure_));
  if (stop.stop_requested())
    co_return std::unexpected(IoFailure(IoFailure::Cause::kCancelled, "cancelled"));
  co_return std::unexpected(IoFailure(IoFailure::Cause::kTimedOut,
                                      fmt::format("cannot connect to {} port {}: no answer in time",
                                                  addresses_.front().to_string(), port_)));
}

void ConnectRace::start_next() {
  while (sockets_.size() < addresses_.size()) {
    const size_t index = sockets_.size();
    const rt::Tcp::endpoint endpoint(addresses_[index], port_);
    rt::Socket& socket = sockets_.emplace_back(worker_.executor());
    failed_.push_back(false);
    boost::system::error_code error;
    socket.open(endpoint.protocol(), error);
    if (error) {
      attempt_failed(index, error);
      continue;
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    socket.set_option(rt::Tcp::no_delay(true), error);
    ++running_;
    socket.async_connect(endpoint,
                         [self = shared_from_this(), index](boost::system::error_code failed) {
                           self->attempt_ended(index, failed);
                         });
    if (sockets_.size() < addresses_.size()) worker_.timers().arm_after(stagger_, kStagger);
    return;
  }
  if (running_ == 0) finish();
}

void ConnectRace::attempt_ended(size_t index, const boost::system::error_code& error) {
  if (over_) return;
  --running_;
  if (error) {
    attempt_failed(index, error);
    start_next();
  } else {
    winner_ = index;
    finish();
  }
}

void ConnectRace::attempt_failed(size_t index, const boost::system::error_code& error) {
  failed_[index] = true;
  last_failure_ =
      IoFailure(error == rt::asio::error::operation_aborted ? IoFailure::Cause::kCancelled
                                                            : IoFailure::Cause::kOther,
                fmt::format("cannot connect to {} port {}: {}", addresses_[index].to_string(),
                            port_, error.message()),
                error == rt::asio::error::connection_refused ? ErrorCause::kConnectionRefused
                                                             : ErrorCause::kUnknown);
}

void ConnectRace::finish() {
  over_ = true;
  stagger_.disarm();
  rt::notify_first(waiting_);
}

void ConnectRace::close() {
  over_ = true;
  stagger_.disarm();
  sockets_.clear();
}

}  // namespace cachey::origin
