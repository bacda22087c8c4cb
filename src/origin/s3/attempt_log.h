#pragma once

#include <cstdint>

#include "base/error.h"
#include "origin/origin.h"

namespace cachey::origin {

/// Logs that the `number`-th attempt of a get has failed, and whether there is another. The store's
/// own failures are worth a warning; that an object is not there is not.
void log_failed_attempt(const GetRequest& request, const Error& error, uint32_t number, bool retry);

}  // namespace cachey::origin
