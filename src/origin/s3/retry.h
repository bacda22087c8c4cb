#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "origin/origin.h"
#include "origin/s3/config.h"
#include "origin/transport/failure.h"

namespace cachey::origin {

/// Attempts that a request may ask for, where the server's own setting is not higher.
inline constexpr uint32_t kRequestAttemptsMax = 10;

/// The server's limits with the request's own laid over them; `attempts_max` is at least 1.
[[nodiscard]] S3Limits effective_limits(const S3Limits& defaults, const RequestConfig& config);

/// How long to wait after so many failed attempts. Full jitter: a part (`random_unit`, 0 to 1) of
/// the initial backoff doubled with each failed attempt after the first, up to the maximum. Where
/// the store said how long, that, up to the maximum.
[[nodiscard]] std::chrono::milliseconds delay_before_retry(const Failure& failure,
                                                           uint32_t failed_attempts,
                                                           const S3Limits& limits,
                                                           double random_unit);

/// What another attempt costs after such a failure. REQUIRES: it may be retried.
[[nodiscard]] uint32_t retry_cost(Retry retry);

/// What all retries of a client have in common to spend, so that a store in trouble is not asked
/// thrice as often as one that is well: each retry takes its cost, each success gives some back.
/// Thread-safe.
class RetryTokens {
 public:
  static constexpr uint32_t kTokensMax = 500;
  /// A get that succeeded at its first attempt gives back this; one that was retried, what its last
  /// retry had cost; one that failed, nothing.
  static constexpr uint32_t kFirstAttemptGain = 1;

  /// False, and nothing taken, where there are fewer.
  [[nodiscard]] bool take(uint32_t cost);
  void give_back(uint32_t tokens);
  [[nodiscard]] uint32_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> left_{kTokensMax};
};

}  // namespace cachey::origin
