#include "app/server_configs.h"

#include <utility>
#include <vector>

#include "app/open_files.h"
#include "base/log.h"
#include "origin/s3/config.h"

namespace cachey::app {
namespace {

std::vector<net::ListenAddress> addresses(const std::vector<ListenOption>& listen,
                                          uint16_t default_port) {
  std::vector<net::ListenAddress> all;
  for (const ListenOption& one : listen) {
    all.push_back({one.ip, one.port.value_or(default_port)});
  }
  return all;
}

}  // namespace

net::ServerConfig data_server_config(const Options& options, store::MemoryTier& memory,
                                     std::shared_ptr<net::tls::Contexts> tls) {
  net::ServerConfig config = options.server;
  config.listen_addresses = addresses(options.listen, options.port);
  config.tls = std::move(tls);
  config.charge = [&memory](int64_t bytes) { memory.charge(bytes); };
  const uint64_t files = raise_open_files_limit();
  config.connections_max =
      connections_within(files, options.server.connections_max, options.s3api.enabled() ? 2 : 1,
                         OtherFiles{options.threads, origin::PoolLimits().connections_max,
                                    options.admin_listen.size(), kAdminConnectionsMax});
  if (config.connections_max < options.server.connections_max) {
    log::warn("fewer connections than asked for: the process may not open enough files",
              {{"max_connections", config.connections_max}, {"open_files_max", files}});
  }
  return config;
}

net::ServerConfig s3api_server_config(const Options& options, net::ServerConfig data_config) {
  data_config.listen_addresses = addresses(options.s3api.listen, 0);
  return data_config;
}

net::ServerConfig admin_server_config(const Options& options, net::ServerConfig data_config) {
  data_config.listen_addresses = addresses(options.admin_listen, 0);
  data_config.connections_max = kAdminConnectionsMax;
  return data_config;
}

}  // namespace cachey::app
