#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "base/error.h"

namespace cachey::origin {

/// Whether another attempt may succeed.
enum class Retry {
  kNever,
  kTransient,   ///< a fault that may pass
  kThrottling,  ///< too many requests
};

/// What would make the store answer otherwise at once. Each is tried once a get.
enum class Remedy {
  kNone,
  kRegion,       ///< ask the bucket's own region: Failure::region
  kClock,        ///< sign for the store's time: Failure::store_time
  kCredentials,  ///< these have expired: sign with new ones
};

/// An attempt that failed: the error, should it be the last one, and what to do if it is not.
struct Failure {
  Error error;
  Retry retry = Retry::kNever;
  std::optional<std::chrono::milliseconds> delay;  ///< the store's own wish
  Remedy remedy = Remedy::kNone;
  std::string region{};    ///< of kRegion
  int64_t store_time = 0;  ///< of kClock: Unix seconds
};

template <typename T>
using Attempt = std::expected<T, Failure>;

}  // namespace cachey::origin
