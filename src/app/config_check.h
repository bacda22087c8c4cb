#pragma once

#include "app/options/options.h"
#include "base/error.h"

namespace cachey::app {

/// --check-config: the faults of the files and paths that the options name, as far as they can be
/// seen without changing anything or taking what a running server has. An error has a line for each
/// fault, and the kind of a start's error. Warnings go to the log. Asks no store. Main's thread;
/// blocks for some seconds at most, if only the disk hangs. The process must end by _Exit().
[[nodiscard]] Result<void> check_config(const Options& options);

}  // namespace cachey::app
