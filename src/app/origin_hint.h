#pragma once

#include <string_view>

#include "base/error.h"

namespace cachey::app {

/// What to do about a failure of the store, in one sentence; empty if neither the cause nor the
/// kind says enough.
[[nodiscard]] std::string_view hint_for(const Error& error);

}  // namespace cachey::app
