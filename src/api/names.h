#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"

namespace cachey::api {

inline constexpr size_t kNameBytesMax = 64;

/// Checks the name of a kind or a bucket: 1 to kNameBytesMax bytes of UTF-8 without control
/// characters. kBadRequest names the broken rule after `what`, as in `kind: must be UTF-8`.
[[nodiscard]] Result<void> check_name(std::string_view what, std::string_view name);

}  // namespace cachey::api
