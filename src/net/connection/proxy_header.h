#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/http/ip_address.h"

namespace cachey::net {

/// The header of the PROXY protocol, version 1 or 2, at the begin of a connection: a proxy tells
/// the address of the client (haproxy.org, doc/proxy-protocol.txt).
///
/// Strict: what the document does not allow is refused, and so are datagrams. TLVs are skipped.
struct ProxyHeader {
  /// With the TLVs. HAProxy and the load balancers of AWS send less than 600.
  static constexpr size_t kBytesMax = 4096;

  enum class State : uint8_t { kMore, kWhole, kRefused };

  State state = State::kMore;
  /// How many of the given bytes certainly belong to the header: never bytes behind it.
  size_t bytes = 0;
  /// If kWhole; nothing: the connection is the proxy's own (a health check), or the proxy does not
  /// know the client's address, or a socket of UNIX has none.
  std::optional<IpAddress> client = {};
};

/// Reads the header from the first bytes of a connection. Pure. REQUIRES: `received` has been read
/// from the begin of the connection on; after kMore, its first ProxyHeader::bytes are not thrown
/// away.
[[nodiscard]] ProxyHeader read_proxy_header(std::string_view received);

}  // namespace cachey::net
