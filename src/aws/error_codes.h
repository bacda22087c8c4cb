#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"

namespace cachey::aws {

/// An error code of S3 and of the AWS services beside it.
struct ErrorCode {
  std::string_view code;
  uint16_t status;           ///< of an answer with this code
  ErrorKind kind;            ///< for a client that gets this code
  std::string_view message;  ///< S3's text; empty: our server does not send this code
};

/// Sorted by code.
[[nodiscard]] std::span<const ErrorCode> error_codes();

/// Null: not in the table.
[[nodiscard]] const ErrorCode* find_error_code(std::string_view code);

/// The code of our server's answer, for errors without a code of the origin. Faults of the origin
/// are `InternalError` or `SlowDown`, because the AWS CRT retries no other codes. An object that
/// changes while it is read is `SlowDown` too: the next try reads the new version.
[[nodiscard]] const ErrorCode& error_code_of(ErrorKind kind);

}  // namespace cachey::aws
