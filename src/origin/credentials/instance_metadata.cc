#include "origin/credentials/instance_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/log.h"
#include "origin/credentials/settings.h"
#include "origin/transport/endpoint_url.h"
#include "origin/transport/request_head.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kAttemptsMax = 4;
constexpr milliseconds kConnectTimeout{1000};
constexpr milliseconds kReadTimeout{1000};

constexpr int64_t kTokenSeconds = 21'600;
constexpr int64_t kTokenSparedSeconds = 120;  // it is not used in its last seconds

constexpr std::string_view kTokenPath = "/latest/api/token";

ServiceRequest request_for(const EndpointUrl& url, std::string_view method, std::string_view path,
                           std::string_view header, std::string_view value) {
  RequestHead head(method, fmt::format("{}{}", url.base_path, path));
  head.add("host", host_header(url));
  head.add(header, value);
  head.add("user-agent", user_agent());
  if (method == "PUT") head.add("content-length", "0");
  ServiceRequest request;
  request.server = Server(url.tls, url.host, url.port);
  request.text = head.finish();
  request.connect_timeout = kConnectTimeout;
  request.read_timeout = kReadTimeout;
  return request;
}

std::optional<int64_t> parse_seconds(const std::string& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return std::min(number, kTokenSeconds);
}

}  // namespace

ProviderResult<EndpointUrl> resolve_instance_endpoint(const Environment& environment,
                                                      const Profile& profile) {
  constexpr const char* kEndpoint = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
  constexpr const char* kMode = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
  const std::string disabled = first_set(environment, {"AWS_EC2_METADATA_DISABLED"});
  if (lower_case(disabled) == "true") return not_configured("AWS_EC2_METADATA_DISABLED is true");
  const Settings settings(environment, profile);
  const Setting url = settings.get(kEndpoint, "ec2_metadata_service_endpoint");
  if (url.is_set()) {
    Result<EndpointUrl> parsed = parse_endpoint_url(url.value);
    if (!parsed) return provider_denied(fmt::format("{}: {}", kEndpoint, parsed.error().message()));
    return std::move(*parsed);
  }
  const Setting mode = settings.get(kMode, "ec2_metadata_service_endpoint_mode");
  EndpointUrl address{.tls = false, .host = "169.254.169.254", .port = 80, .base_path = ""};
  if (mode.is("ipv6")) {
    address.host = "fd00:ec2::254";
  } else if (mode.is_set() && !mode.is("ipv4")) {
    return provider_denied(
        fmt::format("{}: {} is neither IPv4 nor IPv6", kMode, log::quoted(mode.value)));
  }
  return address;
}

std::string instance_name(const EndpointUrl& url) {
  return fmt::format("the instance's metadata at {}", host_header(url));
}

rt::Task<ProviderResult<std::string>> InstanceMetadata::fetch(CredentialSearch& search,
                                                              const EndpointUrl& url,
                                                              std::string path,
                                                              std::string_view absent) {
  const std::string what = instance_name(url);
  for (unsigned attempt = 1;; ++attempt) {
    ProviderResult<void> renewed = co_await renew_token(search, url);
    if (!renewed) co_return std::unexpected(std::move(renewed.error()));
    ServiceRequest request = request_for(url, "GET", path, "x-aws-ec2-metadata-token", token_.text);
    Attempt<ServiceAnswer> answer = co_await search.call(std::move(request));
    if (!answer) co_return not_configured(prefixed(what, answer.error().error).message());
    const unsigned status = answer->head.status;
    if (status == 200) co_return std::move(answer->body);
    if (status == 404) co_return not_configured(fmt::format("{}: {}", what, absent));
    if (status == 401) token_ = Token();
    bool again = (status == 401 || status >= 500) && attempt < kAttemptsMax;
    if (again && status != 401) again = co_await search.back_off(attempt);
    if (!again) {
      co_return provider_failed(
          Error(ErrorKind::kUpstream, fmt::format("{} answered {}", what, status)));
    }
  }
}

/// Sees to it that there is a token.
rt::Task<ProviderResult<void>> InstanceMetadata::renew_token(CredentialSearch& search,
                                                             const EndpointUrl& url) {
  const std::string what = instance_name(url);
  const Clock& clock = search.services().clock;
  if (clock.unix_seconds() < token_.valid_until) co_return ProviderResult<void>();
  for (unsigned attempt = 1;; ++attempt) {
    ServiceRequest request =
        request_for(url, "PUT", kTokenPath, "x-aws-ec2-metadata-token-ttl-seconds",
                    std::to_string(kTokenSeconds));
    Attempt<ServiceAnswer> answer = co_await search.call(std::move(request));
    if (!answer) co_return not_configured(prefixed(what, answer.error().error).message());
    const unsigned status = answer->head.status;
    const std::optional<int64_t> seconds = parse_seconds(answer->head.metadata_token_ttl);
    if (status == 200 && seconds && !answer->body.empty() && !has_control(answer->body)) {
      token_.text = std::move(answer->body);
      token_.valid_until =
          clock.unix_seconds() + std::max<int64_t>(1, *seconds - kTokenSparedSeconds);
      co_return ProviderResult<void>();
    }
    bool again = status >= 500 && attempt < kAttemptsMax;
    if (again) again = co_await search.back_off(attempt);
    if (again) continue;
    if (status == 403) co_return provider_denied(what + " answered 403: it is disabled");
    co_return provider_failed(
        Error(ErrorKind::kUpstream, fmt::format("{} gave no token: {}", what, status)));
  }
}

}  // namespace cachey::origin
