#pragma once

namespace cachey::app {

/// `cachey disk inspect|verify PATH`: prints the contents of a store on disk, or how many pages are
/// valid. The exit code: 0, 1 if pages are not valid or the store cannot be read, 2 for a wrong
/// call. `argv` begins at `disk`.
[[nodiscard]] int run_disk_command(int argc, const char* const* argv);

}  // namespace cachey::app
