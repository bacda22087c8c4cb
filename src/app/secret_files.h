#pragma once

#include <functional>
#include <string>

#include "api/s3/access_keys.h"
#include "api/tokens.h"
#include "base/error.h"

/// Files that hold secrets of clients.
///
/// kBadRequest if a file cannot be read or breaks a rule of what it holds; the error names option
/// and file, and shows nothing of the contents. A warning is logged if others than the owner can
/// read the file.
///
/// If the last line has no end, a writer may be in the middle of a secret, and the first half of a
/// secret must not become one. So the file is read again after a `pause`, until two reads are
/// equal; kBadRequest after 10 reads. Blocks.
namespace cachey::app {

/// Sleeps 100 ms.
void pause_between_reads();

/// The tokens of `--auth-tokens`.
[[nodiscard]] Result<api::Tokens> read_token_file(
    const std::string& path, const std::function<void()>& pause = pause_between_reads);

/// The tokens of `--admin-tokens`.
[[nodiscard]] Result<api::Tokens> read_admin_token_file(
    const std::string& path, const std::function<void()>& pause = pause_between_reads);

/// The keys of `--s3api-keys`. Logs a warning if one has `write`.
[[nodiscard]] Result<api::s3::AccessKeys> read_key_file(
    const std::string& path, const std::function<void()>& pause = pause_between_reads);

}  // namespace cachey::app
