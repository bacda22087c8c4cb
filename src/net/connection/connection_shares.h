#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/mutex.h"
#include "net/connection/trusted_proxies.h"
#include "net/http/ip_address.h"

namespace cachey::net {

/// Counts the connections of a server by client address (of IPv6: by /64), so that no client takes
/// all places: while at most a tenth of the places is free, an address with at least a tenth of all
/// places gets no more. So one address alone has nine tenths. An address of a trusted proxy has no
/// such bound, because many clients share that address. With less than ten places there is no
/// bound. Owned by the Server; any thread.
class ConnectionShares {
 public:
  static constexpr size_t kReservedPart = 10;

  enum class Place : uint8_t {
    kFree,   ///< there is a place
    kOfOwn,  ///< another connection of the same client must make place
    kOfAny,  ///< all places are taken: any other connection may make place
  };

  /// `places`: connections at a time. `proxies` outlive this.
  ConnectionShares(size_t places, const TrustedProxies& proxies)
      : places_(places), proxies_(proxies) {}

  /// Counts a connection from `address`, whatever the answer. `open`: connections of the server
  /// without that one. Call leave() at the connection's end.
  [[nodiscard]] Place enter(const IpAddress& address, size_t open) EXCLUDES(mutex_);
  void leave(const IpAddress& address) EXCLUDES(mutex_);

  /// The connections have the same share.
  [[nodiscard]] static bool same_client(const IpAddress& a, const IpAddress& b) {
    return client_of(a) == client_of(b);
  }

 private:
  [[nodiscard]] static IpAddress client_of(const IpAddress& address);

  const size_t places_;
  const TrustedProxies& proxies_;
  Mutex mutex_;
  std::unordered_map<IpAddress, size_t> connections_ GUARDED_BY(mutex_);  // none is 0
};

}  // namespace cachey::net
