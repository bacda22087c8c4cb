#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/options.h"

namespace cachey::app {

/// Parsed from `BUCKET/KEY`; nothing if the bucket or the key is missing.
struct ObjectName {
  std::string bucket;
  std::string key;
};
[[nodiscard]] std::optional<ObjectName> parse_object_name(std::string_view text);

/// --check-origin: reads one byte of the object, and prints credentials, region, endpoint and
/// result on standard output. The exit code: 0 if the read works, 1 if it fails, 2 if a setting is
/// wrong. REQUIRES: the option names an object.
[[nodiscard]] int check_origin(const Options& options);

}  // namespace cachey::app
