#include "origin/s3/retry.h"

#include <algorithm>

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

// Longer limits are cut to this, so that sums of times cannot overflow.
constexpr milliseconds kLimitMax = std::chrono::hours(24);

constexpr uint32_t kTransientCost = 10;
constexpr uint32_t kThrottlingCost = 5;

milliseconds limited(milliseconds value) { return std::clamp(value, milliseconds(0), kLimitMax); }

std::optional<milliseconds> either(const std::optional<milliseconds>& first,
                                   const std::optional<milliseconds>& second) {
  const std::optional<milliseconds>& value = first ? first : second;
  return value ? std::optional(limited(*value)) : std::nullopt;
}

}  // namespace

S3Limits effective_limits(const S3Limits& defaults, const RequestConfig& config) {
  S3Limits limits = defaults;
  limits.connect_timeout = limited(config.connect_timeout.value_or(defaults.connect_timeout));
  limits.first_byte_timeout =
      limited(config.first_byte_timeout.value_or(defaults.first_byte_timeout));
  limits.operation_timeout = either(config.operation_timeout, defaults.operation_timeout);
  limits.attempt_timeout = either(config.attempt_timeout, defaults.attempt_timeout);
  const uint32_t attempts_most = std::max(kRequestAttemptsMax, defaults.attempts_max);
  limits.attempts_max =
      std::clamp(config.attempts_max.value_or(defaults.attempts_max), 1U, attempts_most);
  limits.backoff_initial = limited(config.backoff_initial.value_or(defaults.backoff_initial));
  limits.backoff_max = limited(config.backoff_max.value_or(defaults.backoff_max));
  return limits;
}

milliseconds delay_before_retry(const Failure& failure, uint32_t failed_attempts,
                                const S3Limits& limits, double random_unit) {
  if (failure.delay) return std::min(*failure.delay, limits.backoff_max);
  milliseconds ceiling = std::min(limits.backoff_initial, limits.backoff_max);
  for (uint32_t k = 1; k < failed_attempts && ceiling < limits.backoff_max && ceiling.count() > 0;
       ++k) {
    ceiling = std::min(2 * ceiling, limits.backoff_max);
  }
  return milliseconds(static_cast<int64_t>(random_unit * static_cast<double>(ceiling.count())));
}

uint32_t retry_cost(Retry retry) {
  return retry == Retry::kThrottling ? kThrottlingCost : kTransientCost;
}

bool RetryTokens::take(uint32_t cost) {
  uint32_t left = left_.load(std::memory_order_relaxed);
  do {
    if (left < cost) return false;
  } while (!left_.compare_exchange_weak(left, left - cost, std::memory_order_relaxed));
  return true;
}

void RetryTokens::give_back(uint32_t tokens) {
  uint32_t left = left_.load(std::memory_order_relaxed);
  while (left < kTokensMax &&
         !left_.compare_exchange_weak(left, std::min(left + tokens, kTokensMax),
                                      std::memory_order_relaxed)) {
  }
}

}  // namespace cachey::origin
