#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replay/policies.h"

namespace cachey::bench {

/// A synthetic sequence of requests, made from a seed.
struct Trace {
  std::string name;
  std::string what;  ///< one line for a reader
  std::vector<Access> accesses;
  size_t objects = 0;  ///< object numbers are below this
  uint64_t bytes =
      0;  ///< of all objects of the working set, without objects that only a scan reads
};

[[nodiscard]] std::vector<std::string> replay_traces();

/// `accesses`: the approximate number of requests.
[[nodiscard]] Trace make_trace(const std::string& name, size_t accesses, uint64_t seed);

}  // namespace cachey::bench
