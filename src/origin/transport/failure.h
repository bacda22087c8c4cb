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

/// A change after which the store may answer differently at once. A get tries each kind once.
enum class Remedy {
  kNone,
  kRegion,       ///< send the request to the bucket's own region: Failure::region
  kClock,        ///< sign with the store's time: Failure::store_time
  kCredentials,  ///< sign with other credentials: the store refuses these
  kNoCondition,  ///< ask without If-Match: the store may be unable to compare tags
  kByGet,        ///< ask for a byte instead of a HEAD, whose answer cannot say what is wrong
};

/// A failed attempt: the error, for the case that it was the last attempt, and how to try again.
struct Failure {
  Error error;
  Retry retry = Retry::kNever;
  std::optional<std::chrono::milliseconds> delay;  ///< before a retry, as the store asked
  Remedy remedy = Remedy::kNone;
  std::string region{};    ///< of kRegion
  int64_t store_time = 0;  ///< of kClock: Unix seconds
};

template <typename T>
using Attempt = std::expected<T, Failure>;

}  // namespace cachey::origin
