#include "net/connection/deep_sockets.h"

#include <algorithm>

#include "net/connection/connection_shares.h"

namespace cachey::net {

void DeepSockets::after_wait(ClientSocket& socket, std::chrono::nanoseconds waited) {
  const bool is_deep = socket.DeepHook::is_linked();
  if (waited > kShortWait) {
    if (!is_deep) return;
    socket.DeepHook::unlink();
    socket.limit_unsent(ClientSocket::kUnsentMax);
  } else if (is_deep) {
    sockets_.splice(sockets_.end(), sockets_, sockets_.iterator_to(socket));
  } else {
    make_place();
    if (!may_add(socket.peer())) return;
    sockets_.push_back(socket);
    socket.limit_unsent(kDeepBytes);
  }
}

bool DeepSockets::may_add(const IpAddress& client) const {
  const size_t taken = sockets_.size();
  const IpAddress asks = ConnectionShares::client_of(client);
  const auto of_client =
      static_cast<size_t>(std::ranges::count_if(sockets_, [&](const ClientSocket& socket) {
        return ConnectionShares::client_of(socket.peer()) == asks;
      }));
  return of_client < kPlaces - taken;
}

/// Looks at one socket only, so that a call costs the same at any time. If that one has unsent
/// bytes, the next call looks at another one.
void DeepSockets::make_place() {
  if (sockets_.size() < kPlaces / 2) return;
  ClientSocket& first = sockets_.front();
  if (first.unsent() == 0) {
    first.DeepHook::unlink();
    first.limit_unsent(ClientSocket::kUnsentMax);
  } else {
    sockets_.splice(sockets_.end(), sockets_, sockets_.begin());
  }
}

}  // namespace cachey::net
