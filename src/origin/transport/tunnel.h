#pragma once

#include <string>

#include "origin/transport/connection.h"
#include "origin/transport/failure.h"
#include "origin/transport/proxy.h"

namespace cachey::origin {

/// Asks `proxy`, to which `connection` leads, to pass on what follows to `host` and `port` (HTTP's
/// CONNECT). Fails for good where it wants other credentials. `connection` and `proxy` must live
/// until the task ends.
[[nodiscard]] rt::Task<Attempt<void>> open_tunnel(Connection& connection, const Proxy& proxy,
                                                  std::string host, uint16_t port,
                                                  MonoTime deadline);

}  // namespace cachey::origin
