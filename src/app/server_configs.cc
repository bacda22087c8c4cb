#include "app/server_configs.h"

#include <utility>
#include <vector>

#include "app/open_files.h"
#include "aws/partition.h"
#include "base/log.h"
#include "origin/s3/config.h"

namespace cachey::app {
namespace {

/// Of --memory, for the places of parts of objects.
constexpr uint64_t kPartsShare = 256;

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
  data_config.proxy_protocol = false;
  if (!options.admin_tls) data_config.tls = nullptr;
  return data_config;
}

std::optional<api::s3::EndpointConfig> s3api_config(const Options& options,
                                                    const std::string& origins_region,
                                                    std::optional<api::s3::AccessKeys> keys) {
  if (!options.s3api.enabled()) return std::nullopt;
  api::s3::EndpointConfig config{.hosts = *api::s3::VirtualHosts::parse(options.s3api.domains),
                                 .keys = std::move(keys),
                                 .external_hosts = options.s3api.external_hosts,
                                 .workers = options.threads,
                                 .aliases = api::s3::Aliases(options.s3api.aliases),
                                 .rules = api::s3::RevalidateRules(options.s3api.revalidate),
                                 .stale_max = options.s3api.stale_if_error,
                                 .plain = options.s3api.plain,
                                 .part_bytes = options.memory.limit_bytes / kPartsShare};
  const std::string& region = options.s3api.region.empty() ? origins_region : options.s3api.region;
  if (aws::is_region(region)) config.region = region;  // the environment's may be any text
  return config;
}

}  // namespace cachey::app
