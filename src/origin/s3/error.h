#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "origin/transport/failure.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// The `<Error>` document of a failed request; empty fields where it says nothing, or is none.
struct ErrorDocument {
  std::string code;
  std::string message;
  std::string request_id;
  std::string region;  ///< where the bucket is
  std::optional<uint64_t> actual_object_size;
};

/// An error's body is read up to here.
inline constexpr size_t kErrorBytesMax = 64 * 1024;

/// Never fails: what is no XML, or not of this form, has no code.
[[nodiscard]] ErrorDocument parse_error_document(std::string_view body);

/// What an answer other than 2xx means. The text has the status, the code, the request's ids and
/// the store's own words, quoted and cut.
[[nodiscard]] Failure failure_of(const ResponseHead& head, const ErrorDocument& document);

}  // namespace cachey::origin
