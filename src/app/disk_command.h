#pragma once

namespace cachey::app {

/// `cachey disk inspect|verify PATH`: what is in a store on disk, and how much of it is valid. The
/// exit code: 0, 1 where pages are not valid or the store cannot be read, 2 for a wrong call.
/// `argv` begins at `disk`.
[[nodiscard]] int run_disk_command(int argc, const char* const* argv);

}  // namespace cachey::app
