#pragma once

#include "app/options/options.h"

namespace cachey::app {

/// --check-origin: reads one byte of the object, and prints credentials, region, endpoint and
/// result on standard output. The exit code: 0 if the read works, 1 if it fails, 2 if a setting is
/// wrong. REQUIRES: the option names an object.
[[nodiscard]] int check_origin(const Options& options);

}  // namespace cachey::app
