#include "origin/s3/retry.h"

#include <algorithm>

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

// Longer limits are cut to this, so that sums of times cannot overflow.
constexpr milliseconds kLimitMax = std::chrono::hours(24);

// More attempts add nothing to a time that nobody waits for.
constexpr uint32_t kAttemptsCountedMax = 1000;

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

namespace {

/// The longest backoff after `failed_attempts`.
milliseconds longest_backoff(const S3Limits& limits, uint32_t failed_attempts) {
  milliseconds ceiling = std::min(limits.backoff_initial, limits.backoff_max);
  for (uint32_t k = 1; k < failed_attempts && ceiling < limits.backoff_max && ceiling.count() > 0;
       ++k) {
    ceiling = std::min(2 * ceiling, limits.backoff_max);
  }
  return ceiling;
}

}  // namespace

milliseconds time_to_head(const S3Limits& limits) {
  const milliseconds attempt = limits.attempt_timeout
                                   ? std::min(*limits.attempt_timeout, limits.first_byte_timeout)
                                   : limits.first_byte_timeout;
  milliseconds total = attempt;
  for (uint32_t k = 1; k < std::min(limits.attempts_max, kAttemptsCountedMax); ++k) {
    total += longest_backoff(limits, k) + attempt;
  }
  return limits.operation_timeout ? std::min(*limits.operation_timeout, total) : total;
}

std::optional<milliseconds> get_limit(const S3Limits& own, const S3Limits& defaults,
                                      const RequestConfig& config) {
  if (!config.has_limits()) return own.operation_timeout;
  return std::min(time_to_head(own), time_to_head(defaults));
}

bool is_impatient(const S3Limits& own, const S3Limits& defaults) {
  const auto shorter = [](const std::optional<milliseconds>& limit,
                          const std::optional<milliseconds>& than) {
    return limit && (!than || *limit < *than);
  };
  return own.connect_timeout < defaults.connect_timeout ||
         own.first_byte_timeout < defaults.first_byte_timeout ||
         shorter(own.attempt_timeout, defaults.attempt_timeout) ||
         shorter(own.operation_timeout, defaults.operation_timeout);
}

milliseconds delay_before_retry(const Failure& failure, uint32_t failed_attempts,
                                const S3Limits& limits, double random_unit) {
  if (failure.delay) return std::min(*failure.delay, limits.backoff_max);
  const milliseconds ceiling = longest_backoff(limits, failed_attempts);
  return milliseconds(static_cast<int64_t>(random_unit * static_cast<double>(ceiling.count())));
}

uint32_t retry_cost(Retry retry) {
  return retry == Retry::kThrottling ? kThrottlingCost : kTransientCost;
}

bool RetryTokens::take(uint32_t cost) {
  if (left_ < cost) return false;
  left_ -= cost;
  return true;
}

void RetryTokens::give_back(uint32_t tokens) { left_ = std::min(left_ + tokens, kTokensMax); }

/// The account of a bucket that has one; null: the payer's is the shared one.
RetryBudgets::Account* RetryBudgets::own(const RetryPayer& payer) {
  return payer.elsewhere ? nullptr : proven_.find(payer.bucket);
}

bool RetryBudgets::take(const RetryPayer& payer, uint32_t cost) {
  const MutexLock lock(mutex_);
  Account* const account = own(payer);
  if (account == nullptr) return unproven_.take(cost);
  uint8_t& taken = account->taken[payer.key % kKeySlots];
  const bool may_take = taken == 0 || taken + cost <= account->tokens.left() / kKeyShare;
  if (!may_take || !account->tokens.take(cost)) return false;
  taken = static_cast<uint8_t>(taken + cost);
  return true;
}

void RetryBudgets::give_back(Account& account, uint64_t key, uint32_t tokens) {
  uint8_t& taken = account.taken[key % kKeySlots];
  taken = static_cast<uint8_t>(taken - std::min<uint32_t>(taken, tokens));
  account.tokens.give_back(tokens);
  if (account.tokens.left() == RetryTokens::kTokensMax) account.taken.fill(0);
}

void RetryBudgets::give_back(const RetryPayer& payer, uint32_t tokens) {
  const MutexLock lock(mutex_);
  Account* const account = own(payer);
  if (account == nullptr) return unproven_.give_back(tokens);
  give_back(*account, payer.key, tokens);
}

void RetryBudgets::succeeded(const RetryPayer& payer, uint32_t tokens) {
  const MutexLock lock(mutex_);
  if (payer.elsewhere) return unproven_.give_back(tokens);
  if (Account* const account = proven_.find(payer.bucket)) {
    return give_back(*account, payer.key, tokens);
  }
  (void)proven_.find_or_add(payer.bucket);
  unproven_.give_back(tokens);
}

}  // namespace cachey::origin
