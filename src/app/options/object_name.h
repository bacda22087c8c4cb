#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cachey::app {

/// Parsed from `BUCKET/KEY` or `s3://BUCKET/KEY`; nothing if the bucket or the key is missing.
struct ObjectName {
  std::string bucket;
  std::string key;
};
[[nodiscard]] std::optional<ObjectName> parse_object_name(std::string_view text);

}  // namespace cachey::app
