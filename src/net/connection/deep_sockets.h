#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>

#include "net/connection/client_socket.h"

namespace cachey::net {

/// The sockets of clients that take bytes fast, of one worker. The kernel may hold kDeepBytes of
/// such a client's response that are not sent yet, instead of ClientSocket::kUnsentMax: with more
/// bytes in the kernel, server and client wake each other less often, which costs a third of the
/// CPU of large hits on one machine (`./dev bench compare --only hits`).
///
/// A socket is deep from its first short wait on, until a wait is long. kPlaces bound the kernel's
/// memory. No client address (of IPv6: /64) can take them all: an address may have as many places
/// as are free. If there is no place for a socket, a deep one without unsent bytes gives way. Owned
/// by the worker's state; the worker's thread.
class DeepSockets {
 public:
  static constexpr int kDeepBytes = 1 << 20;
  static constexpr size_t kPlaces = 64;
  /// A wait lasts until the client has taken about a half of what the kernel may hold. So a client
  /// of 2.6 MB/s is fast, and one of 10 MB/s stays so.
  static constexpr std::chrono::milliseconds kShortWait{50};

  /// Call after a wait of `socket` until its client had taken bytes.
  void after_wait(ClientSocket& socket, std::chrono::nanoseconds waited);

  [[nodiscard]] size_t size() const { return sockets_.size(); }

 private:
  [[nodiscard]] bool may_add(const IpAddress& client) const;
  void make_place();

  // The longest without a wait comes first. A socket leaves by itself at its end.
  boost::intrusive::list<ClientSocket, boost::intrusive::base_hook<DeepHook>,
                         boost::intrusive::constant_time_size<false>>
      sockets_;
};

}  // namespace cachey::net
