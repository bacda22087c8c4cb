#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <utility>

#include "origin/credentials/provider_result.h"
#include "origin/credentials/search.h"
#include "origin/transport/failure.h"

/// A provider's attempts at its service.
namespace cachey::origin {

/// What follows a failed attempt.
enum class Again : uint8_t {
  kNever,
  kAtOnce,  ///< the cause has been removed
  kAfterBackoff,
};

struct FailedAttempt {
  ProviderFailure failure;  ///< the result, if no attempt follows
  Again again = Again::kNever;
};

template <typename T>
using Tried = std::expected<T, FailedAttempt>;

/// Starts one attempt. Called again only after the last attempt has ended.
template <typename T>
using TryOnce = std::function<rt::Task<Tried<T>>()>;

/// A failure of a configured provider, with `prefix: ` before its text.
[[nodiscard]] inline std::unexpected<FailedAttempt> attempt_failed(const std::string& prefix,
                                                                   const Failure& failure) {
  return std::unexpected(
      FailedAttempt{{.configured = true, .error = prefixed(prefix, failure.error)},
                    failure.retry == Retry::kNever ? Again::kNever : Again::kAfterBackoff});
}

/// Attempts at one service. With the backoffs between them about 4 s pass for a service that is
/// only busy.
inline constexpr unsigned kAttemptsMax = 5;

/// Whether a service that answers `status` may soon answer otherwise: busy, restarting, or a
/// gateway before it is in trouble.
[[nodiscard]] constexpr bool may_pass(unsigned status) {
  if (status >= 500) return status != 501 && status != 505;
  return status == 408 || status == 425 || status == 429 || status == 499;
}

/// Calls `try_once` until it succeeds or fails with Again::kNever, at most `attempts_max` times.
/// Ends with the last failure if the search has no time left for a backoff. `search` and `try_once`
/// outlive the task.
template <typename T>
[[nodiscard]] rt::Task<ProviderResult<T>> try_up_to(unsigned attempts_max, CredentialSearch& search,
                                                    const TryOnce<T>& try_once) {
  for (unsigned attempt = 1;; ++attempt) {
    Tried<T> tried = co_await try_once();
    if (tried) co_return std::move(*tried);
    FailedAttempt& failed = tried.error();
    bool again = failed.again != Again::kNever && attempt < attempts_max;
    if (again && failed.again == Again::kAfterBackoff) again = co_await search.back_off(attempt);
    if (!again) co_return std::unexpected(std::move(failed.failure));
  }
}

}  // namespace cachey::origin
