#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "rt/io.h"

namespace cachey::net {

/// An address of a server, as given.
struct ListenAddress {
  std::string ip;     ///< an IPv4 or IPv6 literal
  uint16_t port = 0;  ///< 0: any free port; if possible the same for all addresses with port 0
};

struct ListenEndpoint {
  rt::Tcp::endpoint endpoint;
  /// False: an IPv6 wildcard also takes IPv4 clients. True if an IPv4 address with the same port is
  /// listed.
  bool v6_only = false;
};

[[nodiscard]] Result<std::vector<ListenEndpoint>> to_endpoints(
    std::span<const ListenAddress> addresses);

/// `127.0.0.1:8080` or `[::1]:8080`.
[[nodiscard]] std::string to_text(const rt::Tcp::endpoint& endpoint);

/// kShared: other acceptors of this process bind the same address too (SO_REUSEPORT).
enum class PortUse : uint8_t { kAlone, kShared };

/// Opens and binds.
[[nodiscard]] boost::system::error_code open_acceptor(rt::Acceptor& acceptor,
                                                      const ListenEndpoint& where, PortUse use);

/// The reason why the address cannot be bound, or no error. Listeners need this check: because of
/// SO_REUSEPORT they would silently share the port with another process of the same user.
[[nodiscard]] boost::system::error_code probe(const ListenEndpoint& where);

}  // namespace cachey::net
