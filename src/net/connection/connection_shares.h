#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/mutex.h"
#include "net/connection/trusted_proxies.h"
#include "net/http/ip_address.h"

namespace cachey::net {

/// Counts the connections of a server by client address (of IPv6: by /64), so that no client takes
/// all places: while at most a tenth of the places is free, an address with at least a tenth of all
/// places gets no more, unless a connection of the same address makes place, or of one that has
/// more. So one address alone has nine tenths. An address of a trusted proxy has no such bound,
/// because many clients share that address. With less than ten places there is no bound. Owned by
/// the Server; any thread.
class ConnectionShares {
 public:
  static constexpr size_t kReservedPart = 10;

  enum class Place : uint8_t {
    kFree,      ///< there is a place
    kOfLarger,  ///< a connection must make place that stands_back() for this one
    kOfAny,     ///< all places are taken: any other connection may make place
  };

  /// `places`: connections at a time. `proxies` outlive this.
  ConnectionShares(size_t places, const TrustedProxies& proxies)
      : places_(places), proxies_(proxies) {}

  /// Counts a connection from `address`, whatever the answer. `open`: connections of the server
  /// without that one. Call leave() at the connection's end.
  [[nodiscard]] Place enter(const IpAddress& address, size_t open) EXCLUDES(mutex_);
  void leave(const IpAddress& address) EXCLUDES(mutex_);

  /// A connection from `there` may make place for the one from `here`: both have one client, or
  /// `there` has more connections. REQUIRES: both are counted.
  [[nodiscard]] bool stands_back(const IpAddress& there, const IpAddress& here) const
      EXCLUDES(mutex_);

  /// What stands for the client of an address.
  [[nodiscard]] static IpAddress client_of(const IpAddress& address);

 private:
  const size_t places_;
  const TrustedProxies& proxies_;
  mutable Mutex mutex_;
  // Not by hash: clients choose addresses.
  std::map<IpAddress, size_t> connections_ GUARDED_BY(mutex_);  // none is 0
};

}  // namespace cachey::net
