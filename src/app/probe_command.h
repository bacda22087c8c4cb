#pragma once

#include <chrono>

namespace cachey::app {

/// Whether the command line is one of `cachey --probe URL`.
[[nodiscard]] bool is_probe_command(int argc, const char* const* argv);

/// `cachey --probe URL`: a GET for the health checks of containers. Returns 0 if the answer is 2xx.
/// Else 1, with the reason on standard error: a health check knows no other code.
///
/// Reads neither options, variables nor config file, so that a fault there is no ill health. The
/// server's certificate is not verified: nothing secret is sent, and it may be of --tls-self. All
/// together takes at most `limit`. The process ends after this: a thread may be left behind in a
/// look-up of a name.
[[nodiscard]] int run_probe_command(int argc, const char* const* argv,
                                    std::chrono::milliseconds limit = std::chrono::seconds(2));

}  // namespace cachey::app
