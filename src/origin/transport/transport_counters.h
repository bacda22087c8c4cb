#pragma once

#include <atomic>
#include <cstdint>

namespace cachey::origin {

/// Counts of the pools that share this object. Written by the workers, read by any thread.
struct TransportCounters {
  std::atomic<uint64_t> bytes_received{0};  ///< heads and bodies, after TLS
  std::atomic<uint64_t> connections_opened{0};
  std::atomic<uint64_t> connections_reused{0};  ///< requests that got an idle connection
  std::atomic<int64_t> connections_open{0};     ///< now, including idle ones
  std::atomic<uint64_t> tunnels_opened{0};      ///< connections through a proxy's CONNECT
};

inline void count(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace cachey::origin
