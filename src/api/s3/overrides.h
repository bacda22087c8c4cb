#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "aws/canonical_request.h"
#include "aws/error_codes.h"

namespace cachey::api::s3 {

/// The `response-*` parameters of a request: fields that replace those of the object in this one
/// answer. Their text is the client's; what is cached stays as it is.
class ResponseOverrides {
 public:
  /// `parameters`: decoded. Of a repeated parameter the first one counts. An empty value changes
  /// nothing. The error is S3's code InvalidArgument: a value has a control character, which could
  /// end its line.
  [[nodiscard]] static std::expected<ResponseOverrides, const aws::ErrorCode*> parse(
      std::span<const aws::NamedValue> parameters);

  [[nodiscard]] bool empty() const { return count_ == 0; }

  /// `lines` are an object's (ObjectAttributes::lines). Returns them without the fields that are
  /// replaced, the new ones at the end.
  [[nodiscard]] std::string applied_to(std::string_view lines) const;

 private:
  static constexpr size_t kFields = 6;

  size_t count_ = 0;
  std::array<std::string, kFields> values_;  // empty: not replaced
};

/// Of an object's lines those that a 304 has (RFC 9110 15.4.5): Cache-Control and Expires.
[[nodiscard]] std::string lines_of_not_modified(std::string_view lines);

}  // namespace cachey::api::s3
