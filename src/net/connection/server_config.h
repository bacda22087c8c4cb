#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "net/connection/listen_address.h"
#include "net/connection/trusted_proxies.h"

namespace cachey::net {

namespace tls {
class Contexts;
}

/// The addresses of a server, and its limits for clients.
struct ServerConfig {
  using Milliseconds = std::chrono::milliseconds;

  std::vector<ListenAddress> listen_addresses{{"0.0.0.0", 0}};  ///< at least one
  std::shared_ptr<tls::Contexts> tls;                           ///< for all addresses; null: no TLS
  size_t connections_max = 10'000;     ///< all workers together; past it: 503 and close
  size_t head_bytes_max = 16 * 1024;   ///< request line and fields; past it: 431
  Milliseconds head_timeout{10'000};   ///< from the first byte of a head to its last
  Milliseconds idle_timeout{75'000};   ///< between requests
  Milliseconds write_timeout{60'000};  ///< for a client to take ClientSocket::kLeastBytes

  /// A connection from one of these is a proxy's, which tells the client's address.
  TrustedProxies trusted_proxies;
  /// Each connection of a trusted proxy begins with a header of the PROXY protocol.
  bool proxy_protocol = false;

  /// Called when connections hold `bytes` more memory (negative: less), beyond the few KiB of a
  /// plain HTTP/1.1 connection. Charges the process's memory budget. Called on any worker without
  /// locks, until the last connection has ended.
  std::function<void(int64_t bytes)> charge = [](int64_t) {};
};

}  // namespace cachey::net
