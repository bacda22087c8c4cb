#pragma once

#include <cstddef>
#include <span>

#include "net/connection/trusted_proxies.h"
#include "net/http/http.h"
#include "net/http/ip_address.h"

namespace cachey::net {

/// What a request's `Forwarded` (RFC 7239) and `X-Forwarded-For` say about its client.
struct ForwardedClient {
  IpAddress address;
  /// False: the fields end in something that is no address, or contradict each other. `address` is
  /// then the last one that a trusted proxy has told, or the proxy itself.
  bool usable = true;
};

/// Each proxy adds the address that it got the request from at the end of a list. So from the right
/// on, each address was told by the one behind it, and is believed if that one is trusted: the
/// client is the first address from the right that is not trusted. If all are trusted, the client
/// is the leftmost address.
///
/// A proxy sets one of the two fields and may pass on the other one as the client has made it up.
/// So if a request has both, both must tell the same client; else the client is `peer`.
inline constexpr size_t kForwardedHopsMax = 32;  ///< the rest of a list is not looked at

/// `peer`: a trusted proxy, which sent the request. Pure.
[[nodiscard]] ForwardedClient forwarded_client(std::span<const Field> fields,
                                               const TrustedProxies& trusted,
                                               const IpAddress& peer);

}  // namespace cachey::net
