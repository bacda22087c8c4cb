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

/// Limits that hold where a request's own RequestConfig says nothing else.
struct S3Limits {
  std::chrono::milliseconds connect_timeout{3100};
  std::chrono::milliseconds first_byte_timeout{30'000};
  std::optional<std::chrono::milliseconds> operation_timeout;
  std::optional<std::chrono::milliseconds> attempt_timeout;
  std::chrono::milliseconds stall_timeout{
      6000};  ///< a body, or an error's text, that sends nothing
  uint32_t attempts_max = 3;
  std::chrono::milliseconds backoff_initial{1000};
  std::chrono::milliseconds backoff_max{20'000};
};

/// How to talk to the store. Made once at start; immutable then.
struct S3Config {
  std::string region;                                ///< empty: the instance's
  std::string region_source;                         ///< who names it, for people
  std::shared_ptr<InstanceRegion> instance_region;   ///< null, too: every request fails
  std::optional<EndpointUrl> endpoint;               ///< none: AWS's, by region
  std::shared_ptr<CredentialsProvider> credentials;  ///< null: every request fails likewise
  bool anonymous = false;                            ///< requests are not signed
  bool path_style = false;                           ///< where the request does not say
  bool fips = false;          ///< AWS's endpoints that are validated to FIPS 140
  bool dual_stack = false;    ///< AWS's endpoints that have IPv6 addresses, too
  bool checksum_mode = true;  ///< ask for checksums, so that bodies can be checked
  std::string app_id;         ///< of the user agent
  std::shared_ptr<const ProxyRules> proxies = std::make_shared<const ProxyRules>();
  std::string ca_file;  ///< PEM; with ca_dir empty too: the system's trust store
  std::string ca_dir;
  S3Limits limits;
  PoolLimits pool;
  LookUp look_up = system_look_up;
};

/// For each setting the first that is set, empty counting as unset:
/// - region: AWS_REGION, AWS_DEFAULT_REGION, the profile's; where none is set, the instance may
/// tell;
/// - endpoint: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, that of the profile's `services`, its own;
///   none where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS (ignore_configured_endpoint_urls) is true;
/// - attempts: AWS_MAX_ATTEMPTS, the profile's max_attempts;
/// - retry mode: AWS_RETRY_MODE, the profile's retry_mode: standard, in whose place the others
///   (adaptive, legacy) are taken with a warning;
/// - AWS's FIPS and dual-stack endpoints: AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, the
///   profile's use_fips_endpoint and use_dualstack_endpoint;
/// - the user agent's application: AWS_SDK_UA_APP_ID, the profile's sdk_ua_app_id;
/// - proxies: see proxies_from_environment();
/// - trusted certificates: SSL_CERT_FILE and SSL_CERT_DIR, AWS_CA_BUNDLE.
/// Credentials are left to the caller. Config and credentials files that cannot be used count as
/// absent, with a warning. Fails (kBadRequest) on a value that cannot be meant: an endpoint or a
/// proxy that is no URL, attempts that are no positive number, a retry mode that does not exist.
/// Blocks.
[[nodiscard]] Result<S3Config> s3_config_from_environment(
    const Environment& environment, const FileReader& read_file = read_file_start);

}  // namespace cachey::origin
