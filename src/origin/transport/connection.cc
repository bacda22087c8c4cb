#include "origin/transport/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "base/check.h"
#include "base/log.h"
#include "origin/transport/connect_race.h"
#include "origin/transport/tls_stream.h"

namespace cachey::origin {
namespace {

namespace asio = boost::asio;

IoFailure timed_out() { return {IoFailure::Cause::kTimedOut, "no answer in time"}; }
IoFailure cancelled() { return {IoFailure::Cause::kCancelled, "cancelled"}; }

}  // namespace

Connection::Connection(rt::Worker& worker, std::shared_ptr<TransportCounters> counters)
    : worker_(worker), counters_(std::move(counters)), socket_(worker.executor()), limit_([this] {
        if (!running_) return;
        timed_out_ = true;
        close();
      }) {}

Connection::~Connection() {
  if (connected_) counters_->connections_open.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::cancel_on(std::stop_token stop) {
  stop_ = std::move(stop);
  on_stop_.reset();
  if (stop_.stop_possible()) on_stop_.emplace(stop_, Close{*this});
}

/// False: the deadline has passed, or the operation was stopped.
bool Connection::begin_operation(MonoTime deadline) {
  if (stop_.stop_requested()) return false;
  timed_out_ = worker_.timers().now() >= deadline;
  if (timed_out_) {
    close();
    return false;
  }
  running_ = true;
  worker_.timers().arm(limit_, deadline);
  return true;
}

void Connection::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

IoFailure Connection::failure(const boost::system::error_code& error) const {
  if (stop_.stop_requested()) return cancelled();
  if (timed_out_) return timed_out();
  if (tls_ && tls_->had_too_many_records()) {
    return {IoFailure::Cause::kOther, "too many TLS records without data"};
  }
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
    return {IoFailure::Cause::kClosed, "the connection was closed"};
  }
  if (error == asio::error::operation_aborted) return cancelled();
  return {IoFailure::Cause::kOther, error.message()};
}

rt::Task<IoResult<void>> Connection::connect(std::vector<asio::ip::address> addresses,
                                             uint16_t port, MonoTime deadline) {
  const auto race = std::make_shared<ConnectRace>(worker_, std::move(addresses), port);
  IoResult<rt::Socket> socket = co_await race->run(deadline, stop_);
  unreachable_ = race->losers();
  if (!socket) co_return std::unexpected(std::move(socket.error()));
  socket_ = std::move(*socket);
  connected_ = true;
  count(counters_->connections_opened);
  counters_->connections_open.fetch_add(1, std::memory_order_relaxed);
  co_return IoResult<void>();
}

rt::Task<IoResult<void>> Connection::handshake(TlsContext& context, std::string host,
                                               MonoTime deadline) {
  tls_ = std::make_unique<TlsStream>(socket_, context);
  if (!tls_->expect_host(host)) {
    co_return std::unexpected(IoFailure(IoFailure::Cause::kCertificate,
                                        "no certificate can be for this host",
                                        ErrorCause::kCertificate));
  }
  if (!begin_operation(deadline))
    co_return std::unexpected(failure(asio::error::operation_aborted));
  const boost::system::error_code error = co_await tls_->handshake();
  end_operation();
  if (!error) co_return IoResult<void>();
  IoFailure failed = failure(error);
  const std::string fault = tls_->certificate_fault();
  if (!fault.empty()) {
    failed.cause = IoFailure::Cause::kCertificate;
    failed.error_cause = ErrorCause::kCertificate;
    failed.text =
        fmt::format("the certificate of {} is not accepted: {}", log::quoted(host), fault);
  } else {
    failed.error_cause = ErrorCause::kTlsHandshake;
    failed.text = fmt::format("TLS handshake with {} failed: {}", log::quoted(host), failed.text);
  }
  co_return std::unexpected(std::move(failed));
}

rt::Task<IoResult<void>> Connection::write(std::string_view bytes, MonoTime deadline) {
  if (!begin_operation(deadline))
    co_return std::unexpected(failure(asio::error::operation_aborted));
  boost::system::error_code error;
  if (tls_) {
    error = co_await tls_->write(bytes);
  } else {
    const asio::const_buffer buffer(bytes.data(), bytes.size());
    const auto [failed, sent] = co_await asio::async_write(socket_, buffer, rt::kAwaitTuple);
    error = failed;
  }
  end_operation();
  if (error) co_return std::unexpected(failure(error));
  co_return IoResult<void>();
}

rt::Task<IoResult<size_t>> Connection::read_some(std::span<std::byte> into, MonoTime deadline) {
  CHECK(!into.empty());
  if (!begin_operation(deadline))
    co_return std::unexpected(failure(asio::error::operation_aborted));
  boost::system::error_code error;
  size_t size = 0;
  if (tls_) {
    const TlsStream::Got got = co_await tls_->read_some(into);
    error = got.error;
    size = got.bytes;
  } else {
    const asio::mutable_buffer buffer(into.data(), into.size());
    const auto [failed, got] = co_await socket_.async_read_some(buffer, rt::kAwaitTuple);
    error = failed;
    size = got;
  }
  end_operation();
  if (error) co_return std::unexpected(failure(error));
  count(counters_->bytes_received, size);
  co_return size;
}

size_t Connection::unread() const {
  boost::system::error_code error;
  const size_t available = socket_.available(error);
  return error ? 0 : available;
}

bool Connection::is_quiet() {
  if (!socket_.is_open()) return false;
  if (tls_ && tls_->has_unread()) return false;
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace cachey::origin
