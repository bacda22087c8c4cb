#pragma once

#include <chrono>
#include <string_view>

#include "base/error.h"
#include "origin/origin.h"

namespace cachey::api {

/// The maximum of each time in `C0-Config`, unless the server sets another one.
inline constexpr std::chrono::milliseconds kClientLimitMax{60'000};

/// Parses `C0-Config`: pairs `key=value` between blanks. Unknown keys are ignored. The last of
/// repeated keys counts. Times are cut at `time_max`. The text of a kBadRequest names the faulty
/// key.
[[nodiscard]] Result<origin::RequestConfig> parse_config(
    std::string_view value, std::chrono::milliseconds time_max = kClientLimitMax);

/// Whether the last `warm` of `C0-Config` is 1. kBadRequest: it is neither 0 nor 1. REQUIRES:
/// parse_config() takes `value`.
[[nodiscard]] Result<bool> parse_warm(std::string_view value);

}  // namespace cachey::api
