#pragma once

#include <string>
#include <vector>

namespace cachey::app {

/// The values that one source has for one option, unchecked.
struct Setting {
  std::string name;  ///< of the option, without dashes
  std::vector<std::string> values;
  std::string source;  ///< `command line`, `CACHEY_PORT`, `cachey.toml:3`
  std::string label;   ///< the begin of its faults: `--port`, `CACHEY_PORT`, `cachey.toml:3: port`
};

/// The settings of one source, each option at most once, and the faults in their form.
struct Settings {
  std::vector<Setting> settings = {};
  std::vector<std::string> faults = {};
  std::vector<std::string> warnings = {};
};

}  // namespace cachey::app
