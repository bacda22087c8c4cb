#pragma once

#include <expected>
#include <span>
#include <string>

#include "app/option.h"
#include "app/settings.h"

namespace cachey::app {

/// What the command line says, or the text that --help or --version asks for.
[[nodiscard]] std::expected<Settings, std::string> read_command_line(int argc,
                                                                     const char* const* argv,
                                                                     std::span<const Option> table);

/// What the variables that begin with CACHEY_ say; empty ones say nothing, lists are separated by
/// commas. `environment` ends with a null pointer. A variable that stands for no option is a
/// warning.
[[nodiscard]] Settings read_environment(const char* const* environment,
                                        std::span<const Option> table);

}  // namespace cachey::app
