#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "net/connection/listen_address.h"

namespace cachey::net {

namespace tls {
class Contexts;
}

/// Where a server listens, and its limits towards its clients.
struct ServerConfig {
  using Milliseconds = std::chrono::milliseconds;

  std::vector<ListenAddress> listen_addresses{{"0.0.0.0", 0}};  ///< at least one
  std::shared_ptr<tls::Contexts> tls;                           ///< on all of them; null: none
  size_t connections_max = 10'000;     ///< all workers together; past it: 503 and close
  size_t head_bytes_max = 16 * 1024;   ///< request line and fields; past it: 431
  Milliseconds head_timeout{10'000};   ///< from a request's first byte to its head's last
  Milliseconds idle_timeout{75'000};   ///< between requests
  Milliseconds write_timeout{60'000};  ///< a client that takes no byte for so long

  /// Told when what connections hold beyond the few KiB of a plain one grows (or, negative,
  /// shrinks) by so many bytes: their part of the process's memory budget. Any worker; no locks;
  /// until the last has ended.
  std::function<void(int64_t bytes)> charge = [](int64_t) {};
};

}  // namespace cachey::net
