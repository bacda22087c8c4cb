#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "origin/origin.h"
#include "origin/s3/config.h"
#include "origin/transport/failure.h"

namespace cachey::origin {

/// A request may ask for at most this many attempts, or for the server's own setting if that is
/// more.
inline constexpr uint32_t kRequestAttemptsMax = 10;

/// `defaults` with the overrides in `config`. `attempts_max` is at least 1.
[[nodiscard]] S3Limits effective_limits(const S3Limits& defaults, const RequestConfig& config);

/// The backoff after `failed_attempts`, with full jitter: `random_unit` (0 to 1) times the initial
/// backoff, which doubles with each failed attempt after the first. If the answer names a delay,
/// that delay. At most `limits.backoff_max`.
[[nodiscard]] std::chrono::milliseconds delay_before_retry(const Failure& failure,
                                                           uint32_t failed_attempts,
                                                           const S3Limits& limits,
                                                           double random_unit);

/// The price of a retry, in tokens. REQUIRES: not kNever.
[[nodiscard]] uint32_t retry_cost(Retry retry);

/// The retry budget of a client: a store in trouble must not get three times the usual requests.
/// A retry takes tokens, a success gives some back. Any thread.
class RetryTokens {
 public:
  static constexpr uint32_t kTokensMax = 500;
  /// A get that succeeds at its first attempt gives this back. After retries it gives back the
  /// price of the last retry. A failed get gives nothing.
  static constexpr uint32_t kFirstAttemptGain = 1;

  /// False: fewer than `cost` are left; takes none.
  [[nodiscard]] bool take(uint32_t cost);
  void give_back(uint32_t tokens);
  [[nodiscard]] uint32_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> left_{kTokensMax};
};

}  // namespace cachey::origin
