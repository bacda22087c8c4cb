#pragma once

#include <functional>
#include <string>

#include "api/tokens.h"
#include "base/error.h"

namespace cachey::app {

/// Sleeps 100 ms.
void pause_between_reads();

/// The tokens of the file at `path`. kBadRequest if the file cannot be read or breaks a rule of
/// api::Tokens; the error names the file and shows nothing of its contents. Logs a warning if
/// others than the owner can read the file.
///
/// If the last line has no end, a writer may be in the middle of a token, and the first half of a
/// token must not become one. So the file is read again after a `pause`, until two reads are equal;
/// kBadRequest after 10 reads. Blocks.
[[nodiscard]] Result<api::Tokens> read_token_file(
    const std::string& path, const std::function<void()>& pause = pause_between_reads);

}  // namespace cachey::app
