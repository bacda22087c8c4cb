#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/options/option.h"
#include "app/options/settings.h"

/// The config file: TOML, one key per option, no sections. Lists are arrays.
namespace cachey::app {

inline constexpr size_t kConfigFileBytesMax = 1 << 20;
/// After this many faulty keys the rest of the file is not read.
inline constexpr size_t kConfigFaultsMax = 100;

/// The settings of the file at `path`. A fault if the file cannot be read or is longer than
/// kConfigFileBytesMax.
[[nodiscard]] Settings load_config_file(const std::string& path, std::span<const Option> table);

/// The settings of `text`; `path` is for sources and faults. Pure. Text that is not TOML is one
/// fault and no settings. A faulty key or value does not hide the others.
[[nodiscard]] Settings read_config_text(std::string_view text, const std::string& path,
                                        std::span<const Option> table);

/// All options, one line each, with a comment that names the source. read_config_text can read the
/// text. Secret values are left out.
[[nodiscard]] std::string write_config_text(std::span<const Option> table);

}  // namespace cachey::app
