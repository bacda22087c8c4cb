#pragma once

#include "app/options/options.h"
#include "base/error.h"

namespace cachey::app {

/// --check-config: the faults of the files and paths that the options name, as far as they can be
/// seen without changing anything or taking what a running server has. kBadRequest with a line for
/// each fault. Warnings go to the log. Asks no store. Main's thread; blocks.
[[nodiscard]] Result<void> check_config(const Options& options);

}  // namespace cachey::app
