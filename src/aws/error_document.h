#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cachey::aws {

/// Another element of an error document, such as `BucketName`, `Key` or `Resource`.
struct ErrorDetail {
  std::string name;
  std::string value;

  friend bool operator==(const ErrorDetail&, const ErrorDetail&) = default;
};

/// The `<Error>` document of a failed request. A field is empty if the document does not have it.
struct ErrorDocument {
  std::string code;
  std::string message;
  std::string request_id;
  std::string host_id;
  std::string region;  ///< of the bucket
  std::optional<uint64_t> actual_object_size;
  std::vector<ErrorDetail> details;  ///< all other elements, in order

  friend bool operator==(const ErrorDocument&, const ErrorDocument&) = default;
};

/// Of the elements in `details`, the parser keeps at most this many.
inline constexpr size_t kErrorDetailsMax = 32;

/// Never fails: if `body` is not such a document, `code` is empty.
[[nodiscard]] ErrorDocument parse_error_document(std::string_view body);

/// Writes `Code` and `Message`, then the other fields unless empty, `RequestId` and
/// `HostId` last. Text is
/// escaped. Drops characters that XML does not allow: control characters, broken UTF-8. REQUIRES:
/// the names in `details` are XML names.
[[nodiscard]] std::string write_error_document(const ErrorDocument& document);

}  // namespace cachey::aws
