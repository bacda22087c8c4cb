#pragma once

#include <sys/uio.h>

#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "net/tls/stream.h"
#include "rt/io.h"
#include "rt/timer_wheel.h"

namespace cachey::net {

/// The socket of an accepted connection, with TLS or without: calls that never block, waits with a
/// time limit, and the two ways to close. Owned by the connection's coroutine; its worker's thread;
/// one wait at a time.
///
/// With TLS, bytes that were taken may not be with the kernel yet: they leave by themselves, in
/// order, and full() says so until they have. Who wants them to arrive awaits writable() before it
/// closes.
///
/// A wait ends when the socket is ready, when its time is up (expired() from then on), when it is
/// interrupted, or when the socket is closed. Errors are not told apart: the client is gone.
class ClientSocket : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// Neither one sendmsg nor what it is offered is larger.
  static constexpr size_t kSendBytesMax = size_t{16} << 20;
  static constexpr size_t kSendPartsMax = 64;

  /// `tls`: what the connections of the worker share, null for none. handshake() comes first then.
  ClientSocket(rt::TimerWheel& timers, rt::Socket socket, tls::Worker* tls);
  ~ClientSocket();
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  /// Until client and server agree, or not (false: close), within `limit`. REQUIRES: tls().
  [[nodiscard]] rt::Task<bool> handshake(std::chrono::nanoseconds limit);
  /// Null where there is none.
  [[nodiscard]] const tls::Stream* tls() const { return tls_.get(); }
  /// The protocol that the client and we have chosen; empty: HTTP/1.1.
  [[nodiscard]] std::string_view alpn() const { return tls_ ? tls_->alpn() : std::string_view(); }
  /// Goes on in the clear: with a client that speaks plain HTTP.
  void leave_tls();

  /// Bytes that came in; 0: the client has ended its side, or is gone; nothing: none are there yet.
  [[nodiscard]] std::optional<size_t> receive(std::span<char> into);

  /// As receive(), for bytes that nobody wants; as they are on the wire, so none can be received
  /// after them.
  [[nodiscard]] std::optional<size_t> discard(size_t bytes_max);

  /// Hands `parts` to the kernel, in one call (with TLS: one for many records), and returns how
  /// many of their bytes were taken. `bytes` is their sum.
  [[nodiscard]] size_t send(std::span<iovec> parts, size_t bytes);

  /// Nothing more is taken until writable() has been awaited.
  [[nodiscard]] bool full() const { return full_; }

  /// Limits the waits to come: readable() ends when `limit` from now is over.
  void limit_reading(std::chrono::nanoseconds limit);
  /// Awaitable: until bytes, the end or an error have come. Call stop_waiting() after it.
  [[nodiscard]] auto readable() {
    using Signature = void(boost::system::error_code);
    waiting_ = Waiting::kRead;
    return rt::asio::async_initiate<decltype(rt::kAwaitTuple), Signature>(
        [this](auto handler) { wait_to_read(std::move(handler)); }, rt::kAwaitTuple);
  }
  void stop_waiting() { waiting_ = Waiting::kNothing; }

  /// Until send() may take more. False: the client is gone, or has taken not one byte for `limit`.
  /// A client that reads slowly is progress: each time the limit is over, the kernel's send queue
  /// must have become shorter.
  [[nodiscard]] rt::Task<bool> writable(std::chrono::nanoseconds limit);

  /// Ends a wait in readable().
  void interrupt();

  void shut_down_sending();
  void close();
  /// Closes with a reset: nothing of what the client has not taken yet stays in the kernel.
  void break_off();

  [[nodiscard]] bool broken() const { return broken_; }
  /// Unspecified where it had left before it was asked.
  [[nodiscard]] const rt::Tcp::endpoint& peer() const { return peer_; }
  /// The client has reset the connection, whether or not anybody has tried to send since.
  [[nodiscard]] bool reset_by_client();
  [[nodiscard]] bool expired() const { return expired_; }
  /// As expired(), which is forgotten: waits go on.
  [[nodiscard]] bool take_expired() { return std::exchange(expired_, false); }

 private:
  enum class Waiting : uint8_t { kNothing, kRead, kWrite };

  template <typename Handler>
  void wait_to_read(Handler handler) {
    if (tls_ && !discards_ && tls_->has_input()) {
      rt::asio::post(socket_.get_executor(), [done = std::move(handler)]() mutable {
        std::move(done)(boost::system::error_code());
      });
    } else {
      socket_.async_wait(rt::Socket::wait_read, std::move(handler));
    }
  }

  void on_timeout();
  [[nodiscard]] size_t unsent();
  void update_after_tls();
  void flush_when_writable();
  void flush();

  rt::TimerWheel& timers_;
  rt::Socket socket_;
  rt::Tcp::endpoint peer_;
  std::unique_ptr<tls::Stream> tls_;
  std::shared_ptr<ClientSocket*> self_;  // with TLS; null within once this is gone
  rt::TimerWheel::Entry timer_;
  std::chrono::nanoseconds write_limit_{};
  size_t unsent_ = 0;  // when the write limit was last set
  Waiting waiting_ = Waiting::kNothing;
  bool discards_ = false;  // what OpenSSL has of the input is not asked for any more
  bool full_ = false;
  bool flushing_ = false;  // flush() will be called
  bool broken_ = false;
  bool expired_ = false;
};

}  // namespace cachey::net
