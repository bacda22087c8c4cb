#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "rt/io.h"

namespace cachey::net {

/// Where a server listens.
struct ListenAddress {
  std::string ip;     ///< an IPv4 or IPv6 literal
  uint16_t port = 0;  ///< 0: any free one, the same for all that say so where it is free for them
};

struct ListenEndpoint {
  rt::Tcp::endpoint endpoint;
  /// An IPv6 wildcard takes IPv4 clients too, unless an IPv4 address with its port is listed.
  bool v6_only = false;
};

[[nodiscard]] Result<std::vector<ListenEndpoint>> to_endpoints(
    std::span<const ListenAddress> addresses);

/// `127.0.0.1:8080` or `[::1]:8080`.
[[nodiscard]] std::string to_text(const rt::Tcp::endpoint& endpoint);

/// kShared: other acceptors of this process bind the same address (SO_REUSEPORT).
enum class PortUse : uint8_t { kAlone, kShared };

/// Opens and binds.
[[nodiscard]] boost::system::error_code open_acceptor(rt::Acceptor& acceptor,
                                                      const ListenEndpoint& where, PortUse use);

/// Why nobody can listen there, or no error. The listeners themselves would share the port with
/// another process of the same user without a word.
[[nodiscard]] boost::system::error_code probe(const ListenEndpoint& where);

}  // namespace cachey::net
