#pragma once

#include <string_view>

#include "base/error.h"
#include "origin/origin.h"

namespace cachey::api {

/// `C0-Config`: blank-separated `key=value`; unknown keys are ignored, of a repeated key the last
/// counts. kBadRequest names the key at fault.
[[nodiscard]] Result<origin::RequestConfig> parse_config(std::string_view value);

}  // namespace cachey::api
