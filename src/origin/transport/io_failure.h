#pragma once

#include <expected>
#include <string>

#include "origin/transport/failure.h"

namespace cachey::origin {

/// Why bytes did not come or go.
struct IoFailure {
  enum class Cause {
    kTimedOut,
    kClosed,       ///< the peer ended the stream
    kCertificate,  ///< the peer is not who it should be
    kCancelled,
    kOther,
  };
  Cause cause = Cause::kOther;
  std::string text;
};

template <typename T>
using IoResult = std::expected<T, IoFailure>;

/// What an I/O failure before the answer's head means.
[[nodiscard]] Failure failure_of(const IoFailure& failure);

}  // namespace cachey::origin
