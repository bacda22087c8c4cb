#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/read_file.h"
#include "origin/credentials/credentials_provider.h"
#include "origin/credentials/profile.h"
#include "origin/environment.h"
#include "origin/transport/endpoint_url.h"
#include "origin/transport/pool_limits.h"
#include "origin/transport/proxy.h"
#include "origin/transport/resolver.h"

namespace cachey::origin {

class InstanceRegion;

/// Limits of a get. A request's RequestConfig may override some.
struct S3Limits {
  std::chrono::milliseconds connect_timeout{3100};
  std::chrono::milliseconds first_byte_timeout{30'000};
  std::optional<std::chrono::milliseconds> operation_timeout;
  std::optional<std::chrono::milliseconds> attempt_timeout;
  std::chrono::milliseconds stall_timeout{6000};  ///< a body or an error's text, without a byte
  uint32_t attempts_max = 3;
  std::chrono::milliseconds backoff_initial{1000};
  std::chrono::milliseconds backoff_max{20'000};
};

/// The settings of the S3 client. Made once at start; immutable afterwards.
struct S3Config {
  std::string region;                                ///< empty: ask instance_region
  std::string region_source;                         ///< the setting that names it, for people
  std::shared_ptr<InstanceRegion> instance_region;   ///< null and no `region`: every get fails
  std::optional<EndpointUrl> endpoint;               ///< nothing: AWS's endpoint of the region
  std::shared_ptr<CredentialsProvider> credentials;  ///< null: gets fail, unless `anonymous`
  /// Of a search for credentials.
  std::chrono::milliseconds credentials_timeout{60'000};
  bool anonymous = false;     ///< requests are not signed
  bool path_style = false;    ///< if the request has no setting of its own
  bool fips = false;          ///< use AWS's FIPS 140 endpoints
  bool dual_stack = false;    ///< use AWS's endpoints with IPv4 and IPv6 addresses
  bool checksum_mode = true;  ///< ask for checksums and compare them
  std::string app_id;         ///< for the user agent
  std::shared_ptr<const ProxyRules> proxies = std::make_shared<const ProxyRules>();
  std::string ca_file;  ///< PEM; if both are empty: the system's trust store
  std::string ca_dir;
  S3Limits limits;
  PoolLimits pool;
  LookUp look_up = system_look_up;
};

/// Takes the first of these sources that is set; an empty value counts as unset:
/// - region: AWS_REGION, AWS_DEFAULT_REGION, the profile's; else empty, for the instance's;
/// - endpoint: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's `services`, the profile's own;
///   nothing if AWS_IGNORE_CONFIGURED_ENDPOINT_URLS (ignore_configured_endpoint_urls) is true;
/// - attempts: AWS_MAX_ATTEMPTS, the profile's max_attempts;
/// - retry mode: AWS_RETRY_MODE, the profile's retry_mode; adaptive and legacy become standard with
///   a warning;
/// - AWS's FIPS and dual-stack endpoints: AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, the
///   profile's use_fips_endpoint and use_dualstack_endpoint;
/// - the user agent's application: AWS_SDK_UA_APP_ID, the profile's sdk_ua_app_id;
/// - proxies: see proxies_from_environment();
/// - trusted certificates: SSL_CERT_FILE and SSL_CERT_DIR, AWS_CA_BUNDLE.
/// The caller sets the credentials. Config and credentials files that cannot be parsed are ignored,
/// with a warning. Fails (kBadRequest) if an endpoint or a proxy is no URL, the attempts are no
/// positive number, or the retry mode does not exist. Blocks: reads files.
[[nodiscard]] Result<S3Config> s3_config_from_environment(
    const Environment& environment, const FileReader& read_file = read_file_start);

}  // namespace cachey::origin
