#pragma once

#include <string>

#include "api/tokens.h"
#include "base/error.h"

namespace cachey::app {

/// The tokens of the file at `path`. kBadRequest if the file cannot be read or breaks a rule of
/// api::Tokens; the error names the file and shows nothing of its contents. Logs a warning if
/// others than the owner can read the file.
[[nodiscard]] Result<api::Tokens> read_token_file(const std::string& path);

}  // namespace cachey::app
