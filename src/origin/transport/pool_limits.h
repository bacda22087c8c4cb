#pragma once

#include <chrono>
#include <cstddef>

namespace cachey::origin {

/// Limits of one worker's connections.
struct PoolLimits {
  size_t connections_per_host_max = 768;  ///< of all buckets: one may take 256 (--bucket-requests)
  size_t connections_max = 1'024;         ///< of all hosts: each bucket may have its own host
  size_t waiting_max = 4096;              ///< callers in the queues; more are refused
  std::chrono::milliseconds idle{4500};   ///< S3 closes idle connections after about 5 s
  std::chrono::milliseconds idle_max{60'000};  ///< if the server announces its own time
  std::chrono::seconds look_up_valid{60};
  std::chrono::milliseconds look_up_valid_retry{1000};  ///< for a retry's new connection
};

}  // namespace cachey::origin
