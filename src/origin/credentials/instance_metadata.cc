#include "origin/credentials/instance_metadata.h"

#include <fmt/format.h>

#include <algorithm>
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

constexpr ServiceLimits kInstanceLimits{.attempts_max = kAttemptsMax,
                                        .connect_timeout = milliseconds(1000),
                                        .read_timeout = milliseconds(1000)};

constexpr int64_t kTokenSeconds = 21'600;
constexpr int64_t kTokenSparedSeconds = 120;  // a token is not used in its last seconds

constexpr std::string_view kTokenPath = "/latest/api/token";
constexpr std::string_view kTokenHeader = "x-aws-ec2-metadata-token";
constexpr std::string_view kTokenSecondsHeader = "x-aws-ec2-metadata-token-ttl-seconds";

ServiceRequest metadata_request(const EndpointUrl& url, std::string_view method,
                                std::string_view path, std::string_view header,
                                std::string_view value) {
  RequestHead head(method, fmt::format("{}{}", url.base_path, path));
  head.add("host", host_header(url));
  head.add(header, value);
  head.add("user-agent", user_agent());
  if (method == "PUT") head.add("content-length", "0");
  ServiceRequest request;
  request.server = server_of(url);
  request.text = head.finish();
  request.limits = kInstanceLimits;
  return request;
}

/// There is no metadata service: not configured.
std::unexpected<FailedAttempt> nobody_answered(const std::string& name, const Failure& failure) {
  return std::unexpected(
      FailedAttempt(not_configured(prefixed(name, failure.error).message()).error()));
}

FailedAttempt failed_fetch(unsigned status, const std::string& name, std::string_view absent) {
  if (status == 404)
    return FailedAttempt(not_configured(fmt::format("{}: {}", name, absent)).error());
  const std::string text = fmt::format("{} answered {}", name, status);
  FailedAttempt failed(provider_failed(Error(ErrorKind::kUpstream, text)).error());
  if (status == 401) failed.again = Again::kAtOnce;  // with another token
  if (may_pass(status)) failed.again = Again::kAfterBackoff;
  return failed;
}

FailedAttempt no_token(unsigned status, const std::string& name) {
  if (status == 403)
    return FailedAttempt(provider_denied(name + " answered 403: it is disabled").error());
  const std::string text = fmt::format("{} gave no token: {}", name, status);
  FailedAttempt failed(provider_failed(Error(ErrorKind::kUpstream, text)).error());
  if (may_pass(status)) failed.again = Again::kAfterBackoff;
  return failed;
}

std::optional<int64_t> parse_seconds(const std::string& text) {
  const auto seconds = parse_number<int64_t>(text);
  if (!seconds || *seconds < 0) return std::nullopt;
  return std::min(*seconds, kTokenSeconds);
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
  const TryOnce<std::string> try_once = [&] { return try_fetch(search, url, path, absent); };
  ProviderResult<std::string> text =
      co_await try_up_to(kInstanceLimits.attempts_max, search, try_once);
  co_return text;
}

rt::Task<Tried<std::string>> InstanceMetadata::try_fetch(CredentialSearch& search,
                                                         const EndpointUrl& url,
                                                         const std::string& path,
                                                         std::string_view absent) {
  ProviderResult<void> renewed = co_await renew_token(search, url);
  if (!renewed) co_return std::unexpected(FailedAttempt(std::move(renewed.error())));
  const std::string name = instance_name(url);
  ServiceRequest request = metadata_request(url, "GET", path, kTokenHeader, token_.text);
  Attempt<ServiceAnswer> answer = co_await search.call(std::move(request));
  if (!answer) co_return nobody_answered(name, answer.error());
  const unsigned status = answer->head.status;
  if (status == 200) co_return std::move(answer->body);
  if (status == 401) token_ = Token();
  co_return std::unexpected(failed_fetch(status, name, absent));
}

rt::Task<ProviderResult<void>> InstanceMetadata::renew_token(CredentialSearch& search,
                                                             const EndpointUrl& url) {
  if (search.services().clock.unix_seconds() < token_.valid_until) co_return ProviderResult<void>();
  const TryOnce<Token> try_once = [&] { return try_for_token(search, url); };
  ProviderResult<Token> token = co_await try_up_to(kInstanceLimits.attempts_max, search, try_once);
  if (!token) co_return std::unexpected(std::move(token.error()));
  token_ = std::move(*token);
  co_return ProviderResult<void>();
}

rt::Task<Tried<InstanceMetadata::Token>> InstanceMetadata::try_for_token(CredentialSearch& search,
                                                                         const EndpointUrl& url) {
  const std::string name = instance_name(url);
  ServiceRequest request =
      metadata_request(url, "PUT", kTokenPath, kTokenSecondsHeader, std::to_string(kTokenSeconds));
  Attempt<ServiceAnswer> answer = co_await search.call(std::move(request));
  if (!answer) co_return nobody_answered(name, answer.error());
  const unsigned status = answer->head.status;
  const std::optional<int64_t> seconds = parse_seconds(answer->head.metadata_token_ttl);
  if (status == 200 && seconds && !answer->body.empty() && !has_control(answer->body)) {
    const int64_t used_for = std::max<int64_t>(1, *seconds - kTokenSparedSeconds);
    co_return Token(std::move(answer->body), search.services().clock.unix_seconds() + used_for);
  }
  co_return std::unexpected(no_token(status, name));
}

}  // namespace cachey::origin
