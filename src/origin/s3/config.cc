#include "origin/s3/config.h"

#include <fmt/format.h>
#include <strings.h>

#include <charconv>

#include "base/log.h"
#include "base/read_file.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

bool is_text(const std::string& text, const char* other) {
  return ::strcasecmp(text.c_str(), other) == 0;
}

bool is_true(const std::string& text) { return is_text(text, "true"); }

// Longer names of the application are passed over, as the SDKs do.
constexpr size_t kAppIdBytesMax = 50;

/// A value, and how a person knows it: the variable, or the profile's setting.
struct Setting {
  std::string name;
  std::string value;  // empty: not set
};

Setting first_setting(const Environment& environment, std::initializer_list<const char*> variables,
                      const Profile& profile, const char* key, std::string profile_value) {
  for (const char* variable : variables) {
    std::string value = first_set(environment, {variable});
    if (!value.empty()) return {variable, std::move(value)};
  }
  return {fmt::format("{} of profile {}", key, log::quoted(profile.name())),
          std::move(profile_value)};
}

Result<uint32_t> parse_attempts(const Setting& setting) {
  const std::string& text = setting.value;
  uint32_t attempts = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), attempts);
  if (error != std::errc() || end != text.data() + text.size() || attempts == 0) {
    return fail(ErrorKind::kBadRequest,
                fmt::format("{}: {} is no positive number", setting.name, log::quoted(text)));
  }
  return attempts;
}

/// A value that is neither true nor false counts as unset, with a warning.
bool flag_of(const Setting& setting) {
  if (setting.value.empty() || is_text(setting.value, "false")) return false;
  if (is_true(setting.value)) return true;
  log::warn("a setting is passed over, it is neither true nor false",
            {{"name", setting.name}, {"value", setting.value}});
  return false;
}

Result<void> check_retry_mode(const Setting& setting) {
  if (setting.value.empty() || is_text(setting.value, "standard")) return {};
  if (is_text(setting.value, "adaptive") || is_text(setting.value, "legacy")) {
    log::warn("a retry mode is not supported, standard is taken",
              {{"name", setting.name}, {"value", setting.value}});
    return {};
  }
  return fail(ErrorKind::kBadRequest,
              fmt::format("{}: {} is no retry mode", setting.name, log::quoted(setting.value, 64)));
}

/// Letters, digits and what HTTP allows beside them in a token, else passed over.
std::string app_id_of(const Setting& setting) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
  const std::string& id = setting.value;
  if (id.size() <= kAppIdBytesMax && id.find_first_not_of(kAllowed) == std::string::npos) return id;
  log::warn("a setting is passed over, it cannot stand in a user agent",
            {{"name", setting.name}, {"value", id}});
  return {};
}

Result<std::optional<EndpointUrl>> choose_endpoint(const Environment& environment,
                                                   const Profile& profile) {
  const Setting ignored = first_setting(environment, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"},
                                        profile, "ignore_configured_endpoint_urls",
                                        profile.get("ignore_configured_endpoint_urls"));
  const Setting endpoint = first_setting(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"},
                                         profile, "endpoint_url", profile.endpoint_url("s3"));
  if (is_true(ignored.value) || endpoint.value.empty()) return std::nullopt;
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
  Setting region = first_setting(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"}, profile,
                                 "region", profile.region());
  config.region = std::move(region.value);
  config.region_source = std::move(region.name);
  Result<std::optional<EndpointUrl>> endpoint = choose_endpoint(environment, profile);
  if (!endpoint) return std::unexpected(endpoint.error());
  config.endpoint = std::move(*endpoint);
  const auto setting = [&](const char* variable, const char* key) {
    return first_setting(environment, {variable}, profile, key, profile.get(key));
  };
  config.fips = flag_of(setting("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"));
  config.dual_stack = flag_of(setting("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"));
  config.app_id = app_id_of(setting("AWS_SDK_UA_APP_ID", "sdk_ua_app_id"));
  const Result<void> retry_mode = check_retry_mode(setting("AWS_RETRY_MODE", "retry_mode"));
  if (!retry_mode) return std::unexpected(retry_mode.error());
  Result<ProxyRules> proxies = proxies_from_environment(environment);
  if (!proxies) return std::unexpected(proxies.error());
  config.proxies = std::make_shared<const ProxyRules>(std::move(*proxies));
  const Setting attempts = setting("AWS_MAX_ATTEMPTS", "max_attempts");
  if (!attempts.value.empty()) {
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
