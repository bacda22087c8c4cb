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
/// The client has left once it has reset the connection, or has ended its side (with TLS:
/// close_notify) and none of its bytes are unread. Unread bytes stay where they are: a client may
/// pipeline requests, end its side and still read. Such a client has left kHalfClosedTime after its
/// end.
///
/// Owned by the response's writer, and by the wait for bytes that is under way. The worker's
/// thread.
class ClientWatch : public std::enable_shared_from_this<ClientWatch> {
 public:
  /// Between two looks at a client with unread bytes, whose socket stays readable.
  static constexpr std::chrono::milliseconds kLook{500};
  static constexpr std::chrono::seconds kHalfClosedTime{5};

  ClientWatch(rt::TimerWheel& timers, ClientSocket& socket)
      : timers_(timers), socket_(&socket), timer_([this] { look_at_unread(); }) {}
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
  void look_at_unread();

  rt::TimerWheel& timers_;
  ClientSocket* socket_;  // null after detach()
  std::stop_source source_{std::nostopstate};
  rt::TimerWheel::Entry timer_;
  std::optional<MonoTime> ended_at_;  // the client has ended its side behind unread bytes
  bool waits_ = false;                // for bytes
};

}  // namespace cachey::net
