#pragma once

#include <string>

#include "replay/traces.h"

namespace cachey::bench {

// Trace files in libCacheSim's format oracleGeneral: 24 bytes a request, little endian, packed:
//   u32 seconds, u64 object, u32 bytes, i64 the index of the next request for the object; -1: none
// Errors are std::runtime_error.

/// The clock of the file says one request a second, so that learned policies have days to learn.
void write_trace(const Trace& trace, const std::string& path);
/// `name` and `what` are the path. Objects get dense numbers; an object's first size counts.
[[nodiscard]] Trace read_trace(const std::string& path);

}  // namespace cachey::bench
