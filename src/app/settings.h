#pragma once

#include <string>
#include <vector>

namespace cachey::app {

/// What one source says of one option: texts that nobody has checked.
struct Setting {
  std::string name;  ///< the option's, without dashes
  std::vector<std::string> values;
  std::string source;  ///< `command line`, `CACHEY_PORT`, `cachey.toml:3`
  std::string label;   ///< how faults begin: `--port`, `CACHEY_PORT`, `cachey.toml:3: port`
};

/// All that one source says, each option at most once, and what is wrong with how it says it.
struct Settings {
  std::vector<Setting> settings = {};
  std::vector<std::string> faults = {};
  std::vector<std::string> warnings = {};
};

}  // namespace cachey::app
