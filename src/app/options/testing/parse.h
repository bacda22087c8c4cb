#pragma once

#include <expected>
#include <vector>

#include "app/options/options.h"
#include "base/units.h"

namespace cachey::app {

/// A machine for tests of options: more memory than any test asks for, 3 CPUs.
inline const Machine kMachine{.memory = 1000 * kGiB, .memory_limit = "RAM", .cpus = 3};

/// The options of a command line without the program's name, and of an environment, on kMachine.
inline std::expected<Options, Exit> parse(std::vector<const char*> arguments,
                                          std::vector<const char*> environment = {}) {
  arguments.insert(arguments.begin(), "cachey");
  environment.push_back(nullptr);
  return parse_options(static_cast<int>(arguments.size()), arguments.data(), environment.data(),
                       kMachine);
}

}  // namespace cachey::app
