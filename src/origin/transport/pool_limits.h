#pragma once

#include <chrono>
#include <cstddef>

namespace cachey::origin {

/// Limits of one worker's connections.
struct PoolLimits {
  size_t connections_per_host_max = 256;
  size_t connections_max = 512;          ///< over all hosts: every bucket may be a host of its own
  size_t waiting_max = 4096;             ///< callers that wait for a connection; more are refused
  std::chrono::milliseconds idle{4500};  ///< S3 closes idle connections after about 5 s
  std::chrono::milliseconds idle_max{60'000};  ///< where the server announces that it waits longer
  std::chrono::seconds look_up_valid{60};
  std::chrono::milliseconds look_up_valid_retry{1000};  ///< for the connections of a retry
  size_t look_ups_kept_max = 1024;
};

}  // namespace cachey::origin
