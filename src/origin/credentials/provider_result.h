#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/error.h"

namespace cachey::origin {

/// Why a provider has no credentials.
struct ProviderFailure {
  bool configured = false;  ///< true: the search ends here; false: it asks the next provider
  Error error;
};

template <typename T>
using ProviderResult = std::expected<T, ProviderFailure>;

/// No setting selects this provider.
[[nodiscard]] inline std::unexpected<ProviderFailure> not_configured(std::string why) {
  return std::unexpected(ProviderFailure{false, Error(ErrorKind::kDenied, std::move(why))});
}

/// The provider is configured, and failed.
[[nodiscard]] inline std::unexpected<ProviderFailure> provider_failed(Error error) {
  return std::unexpected(ProviderFailure{true, std::move(error)});
}

/// As provider_failed(), with kDenied.
[[nodiscard]] inline std::unexpected<ProviderFailure> provider_denied(std::string why) {
  return provider_failed(Error(ErrorKind::kDenied, std::move(why)));
}

/// `error` with `prefix: ` before its text.
[[nodiscard]] inline Error prefixed(const std::string& prefix, const Error& error) {
  return {error.kind(), prefix + ": " + error.message(), error.cause()};
}

}  // namespace cachey::origin
