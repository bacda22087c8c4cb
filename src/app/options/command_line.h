#pragma once

#include <expected>
#include <span>
#include <string>

#include "app/options/option.h"
#include "app/options/settings.h"

namespace cachey::app {

/// The settings of the command line, or the text of --help or --version.
[[nodiscard]] std::expected<Settings, std::string> read_command_line(int argc,
                                                                     const char* const* argv,
                                                                     std::span<const Option> table);

/// The settings of the variables that begin with CACHEY_. An empty variable is ignored; commas
/// separate the values of a list. `environment` ends with a null pointer. A variable without an
/// option is a warning.
[[nodiscard]] Settings read_environment(const char* const* environment,
                                        std::span<const Option> table);

}  // namespace cachey::app
