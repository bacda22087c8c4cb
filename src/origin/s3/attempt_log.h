#pragma once

#include <cstdint>

#include "base/error.h"
#include "origin/origin.h"

namespace cachey::origin {

/// Logs that attempt `number` of a get failed. `retry`: another attempt follows. A failure or a
/// refusal of the store is a warning; others, such as a missing object, are debug lines.
void log_failed_attempt(const GetRequest& request, const Error& error, uint32_t number, bool retry);

}  // namespace cachey::origin
