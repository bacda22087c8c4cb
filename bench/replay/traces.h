#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replay/policies.h"

namespace cachey::bench {

/// What clients might ask, made from a seed.
struct Trace {
  std::string name;
  std::string what;  ///< one line for a reader
  std::vector<Access> accesses;
  size_t objects = 0;  ///< object numbers are below it
  uint64_t bytes =
      0;  ///< of all objects of the working set: what a scan passes over is not counted
};

[[nodiscard]] std::vector<std::string> replay_traces();

/// `accesses`: about how many.
[[nodiscard]] Trace make_trace(const std::string& name, size_t accesses, uint64_t seed);

}  // namespace cachey::bench
