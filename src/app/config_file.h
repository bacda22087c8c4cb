#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/option.h"
#include "app/settings.h"

/// The config file: TOML, a key an option, no sections. Lists are arrays.
namespace cachey::app {

inline constexpr size_t kConfigFileBytesMax = 1 << 20;
/// Keys at fault that are named; the rest of the file is not read then.
inline constexpr size_t kConfigFaultsMax = 100;

/// What the file at `path` says. A fault where it cannot be read or is longer than
/// kConfigFileBytesMax.
[[nodiscard]] Settings load_config_file(const std::string& path, std::span<const Option> table);

/// What `text` says; `path` is for sources and faults. Pure. Text that is no TOML is one fault, and
/// nothing of it counts; a key or a value at fault does not hide the others.
[[nodiscard]] Settings read_config_text(std::string_view text, const std::string& path,
                                        std::span<const Option> table);

/// All options, a line each with a comment that names the source; read_config_text takes it again.
/// Secret values are not in it.
[[nodiscard]] std::string write_config_text(std::span<const Option> table);

}  // namespace cachey::app
