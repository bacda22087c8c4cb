#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/s3/access_keys.h"
#include "api/s3/endpoint.h"
#include "app/options/options.h"
#include "net/server.h"
#include "net/tls/context.h"
#include "store/memory_tier.h"

namespace cachey::app {

/// Connections of each admin address. They do not count for --max-connections, so that a full
/// server can still be watched.
inline constexpr size_t kAdminConnectionsMax = 100;

/// The config of the server of --listen. Connections charge their memory to `memory`, which
/// outlives the server. Raises the process's limit of open files, and lowers --max-connections
/// (with a warning) if the files do not suffice.
[[nodiscard]] net::ServerConfig data_server_config(const Options& options,
                                                   store::MemoryTier& memory,
                                                   std::shared_ptr<net::tls::Contexts> tls);

/// The config of the server of --s3api-listen, made of the data server's: as many connections of
/// its own.
[[nodiscard]] net::ServerConfig s3api_server_config(const Options& options,
                                                    net::ServerConfig data_config);

/// The config of the server of --admin-listen, made of the data server's.
[[nodiscard]] net::ServerConfig admin_server_config(const Options& options,
                                                    net::ServerConfig data_config);

/// The config of the S3 endpoint. `origins_region`: the one of the origin, if it is a valid region.
/// Nothing if there is no S3 endpoint.
[[nodiscard]] std::optional<api::s3::EndpointConfig> s3api_config(
    const Options& options, const std::string& origins_region,
    std::optional<api::s3::AccessKeys> keys);

}  // namespace cachey::app
