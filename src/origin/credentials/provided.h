#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/error.h"

namespace cachey::origin {

/// Why a provider brings nothing.
struct Unprovided {
  bool configured = false;  ///< false: nobody meant this provider, and the next one is asked
  Error error;
};

template <typename T>
using Provided = std::expected<T, Unprovided>;

[[nodiscard]] inline std::unexpected<Unprovided> not_configured(std::string why) {
  return std::unexpected(Unprovided{false, Error(ErrorKind::kDenied, std::move(why))});
}

/// Meant, but it failed: nobody else is asked.
[[nodiscard]] inline std::unexpected<Unprovided> not_provided(Error error) {
  return std::unexpected(Unprovided{true, std::move(error)});
}

/// `error` with `what` before its text.
[[nodiscard]] inline Error named(const std::string& what, const Error& error) {
  return {error.kind(), what + ": " + error.message()};
}

}  // namespace cachey::origin
