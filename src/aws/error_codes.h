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
  ErrorKind kind;            ///< what it means to a client
  std::string_view message;  ///< S3's own words, for a server; empty: no server of ours sends it
};

/// Sorted by code.
[[nodiscard]] std::span<const ErrorCode> error_codes();

/// Null: a code that is not in the table.
[[nodiscard]] const ErrorCode* find_error_code(std::string_view code);

/// The code that a server answers with, for an error that no origin has given a code. All faults of
/// the origin are `InternalError` or `SlowDown`: the AWS CRT retries no other codes.
[[nodiscard]] const ErrorCode& error_code_of(ErrorKind kind);

}  // namespace cachey::aws
