#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cachey::aws {

/// An element of an error document that says more, such as `BucketName`, `Key` or `Resource`.
struct ErrorDetail {
  std::string name;
  std::string value;

  friend bool operator==(const ErrorDetail&, const ErrorDetail&) = default;
};

/// The `<Error>` document of a failed request; empty fields where it says nothing, or is none.
struct ErrorDocument {
  std::string code;
  std::string message;
  std::string request_id;
  std::string region;  ///< where the bucket is
  std::optional<uint64_t> actual_object_size;
  std::vector<ErrorDetail> details;  ///< all other elements, in order; kErrorDetailsMax are read

  friend bool operator==(const ErrorDocument&, const ErrorDocument&) = default;
};

inline constexpr size_t kErrorDetailsMax = 32;

/// Never fails: what is no XML, or not of this form, has no code.
[[nodiscard]] ErrorDocument parse_error_document(std::string_view body);

/// The document as S3 writes it: `Code` and `Message` always, then the fields that are not empty,
/// `RequestId` last. Text is escaped; what XML cannot say (control characters, broken UTF-8) is
/// left out. REQUIRES: the names of `details` are XML names.
[[nodiscard]] std::string write_error_document(const ErrorDocument& document);

}  // namespace cachey::aws
