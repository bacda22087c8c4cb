#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/options/options.h"
#include "base/error.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::app {

/// What `--probe` asks.
struct ProbeTarget {
  std::string text;  ///< the URL as people read it
  origin::EndpointUrl url;
  /// The server wants a certificate of its clients, or a PROXY header of this machine's proxies.
  bool connects_only = false;
};

/// `/readyz` at the first address of a server with these options.
[[nodiscard]] ProbeTarget target_of(const Options& options);

/// The words of a server's command line, of the content of /proc/PID/cmdline. The words before the
/// server's are left out: in a container, process 1 may be an init that has started the server.
/// Empty: no server.
[[nodiscard]] std::vector<std::string> server_words(std::string_view cmdline);

/// The server of process 1. Its options are those of its command line, of this process's
/// environment, which a health check has from the container, and of the config file as it is now.
[[nodiscard]] Result<ProbeTarget> target_of_first_process();

}  // namespace cachey::app
