#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/error.h"

namespace cachey::origin {

/// More output than this is refused.
inline constexpr size_t kProcessOutputMax = 64 * 1024;

/// Runs `command` by `/bin/sh -c`, as profiles mean it, and returns what it wrote to standard
/// output. It gets our environment, an empty standard input, its standard error is dropped (it may
/// hold secrets), and none of our other files are open in it. Fails (kDenied) where it does not
/// end with exit code 0 or writes too much, and (kTimeout) where it has not ended within `limit`;
/// then it and what it started in its process group are killed. Blocks.
[[nodiscard]] Result<std::string> run_credential_process(const std::string& command,
                                                         std::chrono::milliseconds limit);

}  // namespace cachey::origin
