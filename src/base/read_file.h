#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/error.h"

namespace cachey {

/// The first `bytes_max` bytes of a file, blocking. kNotFound where there is no such file, another
/// kind where it cannot be read. Injected, so that tests can say what the files hold.
using FileReader = std::function<Result<std::string>(const std::string& path, size_t bytes_max)>;

/// Reads from the file system.
[[nodiscard]] Result<std::string> read_file_start(const std::string& path, size_t bytes_max);

}  // namespace cachey
