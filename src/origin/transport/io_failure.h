#pragma once

#include <expected>
#include <string>

#include "base/error.h"
#include "origin/transport/failure.h"

namespace cachey::origin {

/// Why an operation on a connection failed.
struct IoFailure {
  enum class Cause {
    kTimedOut,
    kClosed,       ///< the peer closed the connection
    kCertificate,  ///< the peer's certificate is wrong
    kCancelled,
    kOther,
  };
  Cause cause = Cause::kOther;
  std::string text;
  ErrorCause error_cause = ErrorCause::kUnknown;  ///< of the Error that this becomes
};

template <typename T>
using IoResult = std::expected<T, IoFailure>;

/// What a failure before the answer's head means for the attempt.
[[nodiscard]] Failure failure_of(const IoFailure& failure);

}  // namespace cachey::origin
