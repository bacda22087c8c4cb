#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey::aws {

/// The `<Error>` document of a failed request; empty fields where it says nothing, or is none.
struct ErrorDocument {
  std::string code;
  std::string message;
  std::string request_id;
  std::string region;  ///< where the bucket is
  std::optional<uint64_t> actual_object_size;
};

/// Never fails: what is no XML, or not of this form, has no code.
[[nodiscard]] ErrorDocument parse_error_document(std::string_view body);

}  // namespace cachey::aws
