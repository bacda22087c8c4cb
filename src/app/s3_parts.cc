#include "app/s3_parts.h"

#include <utility>

#include "origin/credentials/chain.h"
#include "origin/credentials/instance_region.h"
#include "origin/transport/tls.h"

namespace cachey::app {

Result<origin::S3Config> s3_config(const Options& options) {
  Result<origin::S3Config> config =
      origin::s3_config_from_environment(origin::process_environment());
  if (!config) return config;
  config->path_style = config->path_style || options.s3_force_path_style;
  config->anonymous = options.s3_anonymous;
  config->checksum_mode = options.s3_checksum_mode == ChecksumMode::kEnabled;
  config->limits.first_byte_timeout = options.s3_first_byte_timeout;
  config->credentials_timeout = options.s3_credentials_timeout;
  return config;
}

Result<S3Parts> make_s3(origin::S3Config config, rt::Workers& workers, rt::BlockingPool& pool,
                        AttributesPool& attributes, const Clock& clock, Random& random) {
  Result<std::shared_ptr<boost::asio::ssl::context>> tls =
      origin::make_tls_context(config.ca_file, config.ca_dir);
  if (!tls) return std::unexpected(std::move(tls.error()));
  origin::CredentialServices services{.environment = origin::process_environment(),
                                      .tls = std::move(*tls),
                                      .blocking = pool,
                                      .clock = clock,
                                      .random = random,
                                      .proxies = config.proxies,
                                      .search_limit = config.credentials_timeout};
  if (config.region.empty()) {
    config.instance_region = std::make_shared<origin::InstanceRegion>(services);
    services.region = config.instance_region;
  }
  if (!config.anonymous) config.credentials = origin::make_credentials_provider(services);
  Result<std::unique_ptr<origin::S3Origin>> made =
      origin::make_s3_origin(config, workers, pool, attributes, clock, random);
  if (!made) return std::unexpected(std::move(made.error()));
  return S3Parts{std::move(*made), std::move(config)};
}

}  // namespace cachey::app
