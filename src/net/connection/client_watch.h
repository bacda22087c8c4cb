#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "net/connection/client_socket.h"
#include "rt/timer_wheel.h"

namespace cachey::net {

/// Notices that an HTTP/1.1 client leaves while the handler of its request waits for something
/// other than the client.
///
/// A client that resets the connection has left. A client that ends its side (with TLS:
/// close_notify) may still read: it has left after kEndTime, or after kHalfClosedTime if some of
/// its bytes are unread, because it pipelines requests. Unread bytes stay where they are.
///
/// Owned by the response's writer, and by the wait for bytes that is under way. The worker's
/// thread.
class ClientWatch : public std::enable_shared_from_this<ClientWatch> {
 public:
  static constexpr std::chrono::milliseconds kEndTime{250};
  static constexpr std::chrono::seconds kHalfClosedTime{5};
  /// Between two looks at a socket that stays readable, after the client's end or with unread
  /// bytes.
  static constexpr std::chrono::milliseconds kLook{250};

  ClientWatch(rt::TimerWheel& timers, AwaitedSockets& awaited, ClientSocket& socket)
      : timers_(timers), awaited_(awaited), socket_(&socket), timer_([this] { look_again(); }) {}
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

  /// The token of the current request. The first call begins the watch. `unread`: bytes behind the
  /// request's head have been received.
  [[nodiscard]] std::stop_token begin(bool unread);
  /// The request has ended.
  void end();
  /// The socket is about to be destroyed.
  void detach();

 private:
  [[nodiscard]] bool watches() const { return source_.stop_possible(); }
  void wait();
  void look();
  void leave_after(std::chrono::nanoseconds time);
  void look_again();

  rt::TimerWheel& timers_;
  AwaitedSockets& awaited_;
  ClientSocket* socket_;  // null after detach()
  std::stop_source source_{std::nostopstate};
  rt::TimerWheel::Entry timer_;
  std::optional<MonoTime> left_at_;  // the client has ended its side
  bool waits_ = false;               // for bytes
};

}  // namespace cachey::net
