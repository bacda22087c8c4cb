#pragma once

#include <functional>
#include <optional>
#include <string>

namespace cachey::origin {

/// The value of an environment variable; nothing where it is not set. Injected, so that tests can
/// say what is set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The variables of this process.
[[nodiscard]] Environment process_environment();

/// The first of `names` that is set and not empty, or an empty text.
[[nodiscard]] std::string first_set(const Environment& environment,
                                    std::initializer_list<const char*> names);

}  // namespace cachey::origin
