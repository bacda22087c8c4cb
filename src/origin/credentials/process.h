#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/error.h"

namespace cachey::origin {

/// Longer output is refused.
inline constexpr size_t kProcessOutputMax = 64 * 1024;

/// Runs `command` with `/bin/sh -c`, as AWS's SDKs do, and returns its standard output. The process
/// gets our environment and an empty standard input, and inherits no other file descriptor. Its
/// standard error is dropped, because it may hold secrets. The output ends with the process: what
/// the process leaves running may hold the output open, and is left running. kDenied if the exit
/// code is not 0, or the output is too long. kTimeout if the process has not ended within `limit`;
/// then its process group is killed. Blocks.
[[nodiscard]] Result<std::string> run_credential_process(const std::string& command,
                                                         std::chrono::milliseconds limit);

/// Reaps processes that have ended and that no run_credential_process() waits for. In a container
/// the server is process 1, and inherits what a credential process leaves behind: a zombie until
/// it is reaped. Process 1 calls this regularly. Any thread; never waits for a process.
void reap_orphans();

}  // namespace cachey::origin
