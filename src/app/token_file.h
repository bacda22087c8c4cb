#pragma once

#include <string>

#include "api/tokens.h"
#include "base/error.h"

namespace cachey::app {

/// The tokens of that file. Fails (kBadRequest) where it cannot be read or breaks a rule of
/// api::Tokens; the text names the file and shows nothing of what it holds. Warns where others than
/// its owner can read it.
[[nodiscard]] Result<api::Tokens> read_token_file(const std::string& path);

}  // namespace cachey::app
