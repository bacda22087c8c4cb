#pragma once

#include <chrono>

namespace cachey::app {

/// Whether the command line is one of `cachey --probe [URL]`.
[[nodiscard]] bool is_probe_command(int argc, const char* const* argv);

/// `cachey --probe [URL]`: a GET for the health checks of containers. Returns 0 if the answer is
/// 2xx. Else 1, with the reason on standard error: Docker reserves other codes for health checks.
///
/// With a URL, reads no options, variables or config file: their faults do not make the server
/// unhealthy. Without a URL, target_of_first_process() says what is asked. Does not verify the
/// server's certificate, because a probe sends no secret and a certificate of --tls-self has no
/// authority. Takes at most `limit` in all. REQUIRES: the process ends after this, because a thread
/// may still look up a name.
[[nodiscard]] int run_probe_command(int argc, const char* const* argv,
                                    std::chrono::milliseconds limit = std::chrono::seconds(2));

}  // namespace cachey::app
