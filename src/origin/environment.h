#pragma once

#include <functional>
#include <optional>
#include <string>

namespace cachey::origin {

/// Returns the value of an environment variable; nothing if the variable is not set. A parameter
/// everywhere, so that tests choose the variables.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The variables of this process.
[[nodiscard]] Environment process_environment();

/// The value of the first variable in `names` that is set and not blank, without white space at its
/// ends; else an empty text.
[[nodiscard]] std::string first_set(const Environment& environment,
                                    std::initializer_list<const char*> names);

}  // namespace cachey::origin
