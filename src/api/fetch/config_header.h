#pragma once

#include <string_view>

#include "base/error.h"
#include "origin/origin.h"

namespace cachey::api {

/// Parses `C0-Config`: pairs `key=value` between blanks. Unknown keys are ignored. The last of
/// repeated keys counts. The text of a kBadRequest names the faulty key.
[[nodiscard]] Result<origin::RequestConfig> parse_config(std::string_view value);

}  // namespace cachey::api
