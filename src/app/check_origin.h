#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/options.h"

namespace cachey::app {

/// `BUCKET/KEY`; nothing where one of the two is missing.
struct ObjectName {
  std::string bucket;
  std::string key;
};
[[nodiscard]] std::optional<ObjectName> parse_object_name(std::string_view text);

/// --check-origin: says on standard output, on one screen, with what credentials, for which region
/// and where the store would be asked, and reads one byte of the object. The exit code: 0 where
/// that works, 1 where it does not, 2 where a setting cannot be meant. REQUIRES: an object is
/// named.
[[nodiscard]] int check_origin(const Options& options);

}  // namespace cachey::app
