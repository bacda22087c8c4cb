#include "origin/s3/config.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/log.h"
#include "base/read_file.h"
#include "origin/credentials/settings.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

// Longer names are ignored, as the SDKs do.
constexpr size_t kAppIdBytesMax = 50;

Result<uint32_t> parse_attempts(const Setting& setting) {
  const auto attempts = parse_number<uint32_t>(setting.value);
  if (attempts && *attempts > 0) return *attempts;
  return fail(ErrorKind::kBadRequest, fmt::format("{}: {} is no positive number", setting.name,
                                                  log::quoted(setting.value)));
}

/// A value other than true and false counts as unset, with a warning.
bool flag_of(const Setting& setting) {
  if (!setting.is_set() || setting.is("false")) return false;
  if (setting.is("true")) return true;
  log::warn("a setting is passed over, it is neither true nor false",
            {{"name", setting.name}, {"value", setting.value}});
  return false;
}

Result<void> check_retry_mode(const Setting& setting) {
  if (!setting.is_set() || setting.is("standard")) return {};
  if (setting.is("adaptive") || setting.is("legacy")) {
    log::warn("a retry mode is not supported, standard is taken",
              {{"name", setting.name}, {"value", setting.value}});
    return {};
  }
  return fail(ErrorKind::kBadRequest,
              fmt::format("{}: {} is no retry mode", setting.name, log::quoted(setting.value, 64)));
}

/// Empty, with a warning, unless the name is an HTTP token of at most kAppIdBytesMax.
std::string app_id_of(const Setting& setting) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
  const std::string& id = setting.value;
  if (id.size() <= kAppIdBytesMax && id.find_first_not_of(kAllowed) == std::string::npos) return id;
  log::warn("a setting is passed over, it cannot stand in a user agent",
            {{"name", setting.name}, {"value", id}});
  return {};
}

Result<std::optional<EndpointUrl>> choose_endpoint(const Settings& settings) {
  const Setting ignored =
      settings.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
  const Setting endpoint = settings.endpoint_url("AWS_ENDPOINT_URL_S3", "s3");
  if (ignored.is("true") || !endpoint.is_set()) return std::nullopt;
  Result<EndpointUrl> url = parse_endpoint_url(endpoint.value);
  if (!url) return fail(ErrorKind::kBadRequest, endpoint.name + ": " + url.error().message());
  return std::move(*url);
}

}  // namespace

Result<S3Config> s3_config_from_environment(const Environment& environment,
                                            const FileReader& read_file) {
  const Result<Profile> loaded = load_profile(environment, read_file);
  if (!loaded) {
    log::warn("AWS's shared files are passed over", {{"reason", loaded.error().message()}});
  }
  const Profile profile = loaded ? *loaded : Profile();

  S3Config config;
  const Settings settings(environment, profile);
  Setting region = settings.region();
  config.region = std::move(region.value);
  config.region_source = std::move(region.name);
  Result<std::optional<EndpointUrl>> endpoint = choose_endpoint(settings);
  if (!endpoint) return std::unexpected(endpoint.error());
  config.endpoint = std::move(*endpoint);
  config.fips = flag_of(settings.get("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"));
  config.dual_stack = flag_of(settings.get("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"));
  config.app_id = app_id_of(settings.get("AWS_SDK_UA_APP_ID", "sdk_ua_app_id"));
  const Result<void> retry_mode = check_retry_mode(settings.get("AWS_RETRY_MODE", "retry_mode"));
  if (!retry_mode) return std::unexpected(retry_mode.error());
  Result<ProxyRules> proxies = proxies_from_environment(environment);
  if (!proxies) return std::unexpected(proxies.error());
  config.proxies = std::make_shared<const ProxyRules>(std::move(*proxies));
  const Setting attempts = settings.get("AWS_MAX_ATTEMPTS", "max_attempts");
  if (attempts.is_set()) {
    const Result<uint32_t> parsed = parse_attempts(attempts);
    if (!parsed) return std::unexpected(parsed.error());
    config.limits.attempts_max = *parsed;
  }
  config.ca_file = first_set(environment, {"SSL_CERT_FILE"});
  config.ca_dir = first_set(environment, {"SSL_CERT_DIR"});
  if (config.ca_file.empty() && config.ca_dir.empty()) {
    config.ca_file = first_set(environment, {"AWS_CA_BUNDLE"});
  }
  return config;
}

}  // namespace cachey::origin
