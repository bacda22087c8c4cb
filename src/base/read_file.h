#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/error.h"

namespace cachey {

/// Returns the first `bytes_max` bytes of a file. Blocks. kNotFound: there is no file at `path`;
/// kInternal: the file cannot be read. Injected, so that tests can replace files.
using FileReader = std::function<Result<std::string>(const std::string& path, size_t bytes_max)>;

/// Reads from the file system.
[[nodiscard]] Result<std::string> read_file_start(const std::string& path, size_t bytes_max);

}  // namespace cachey
