#pragma once

#include <string>

#include "origin/transport/connection.h"
#include "origin/transport/failure.h"
#include "origin/transport/proxy.h"

namespace cachey::origin {

/// Asks `proxy`, at the other end of `connection`, for a tunnel to `host` and `port` (HTTP's
/// CONNECT). Retry::kNever if the proxy answers 407, or its answer is broken. `connection` and
/// `proxy` must live until the task ends.
[[nodiscard]] rt::Task<Attempt<void>> open_tunnel(Connection& connection, const Proxy& proxy,
                                                  std::string host, uint16_t port,
                                                  MonoTime deadline);

}  // namespace cachey::origin
