#include "origin/credentials/container_provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "base/log.h"
#include "origin/credentials/answers.h"
#include "origin/credentials/attempts.h"
#include "origin/transport/endpoint_url.h"
#include "origin/transport/request_head.h"

namespace cachey::origin {
namespace {

namespace ip = boost::asio::ip;

using std::chrono::milliseconds;

constexpr ServiceLimits kContainerLimits{.attempts_max = kAttemptsMax,
                                         .connect_timeout = milliseconds(2000),
                                         .read_timeout = milliseconds(5000)};

constexpr const char* kRelativeUri = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr const char* kFullUri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr const char* kToken = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
constexpr const char* kTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
constexpr std::string_view kEcsUrl = "http://169.254.170.2";

/// The value of the authorization header; empty: no header.
rt::Task<ProviderResult<std::string>> authorization(CredentialSearch& search) {
  const std::string path = first_set(search.environment(), {kTokenFile});
  std::string token = first_set(search.environment(), {kToken});
  if (!path.empty()) {
    Result<std::string> read = co_await search.read_token_file(path);
    if (!read) co_return provider_denied(fmt::format("{}: {}", kTokenFile, read.error().message()));
    token = std::move(*read);
  }
  if (has_control(token)) {
    co_return provider_denied(
        fmt::format("the token of {} has control characters", path.empty() ? kToken : kTokenFile));
  }
  co_return token;
}

rt::Task<ProviderResult<void>> check_host(CredentialSearch& search, std::string host) {
  const Result<Resolver::Addresses> addresses = co_await search.resolve(host);
  if (!addresses) co_return provider_failed(prefixed(kFullUri, addresses.error()));
  if (!std::ranges::all_of(*addresses, is_container_address)) {
    co_return provider_denied(
        fmt::format("{}: {} is neither this host nor one of AWS's addresses for containers, so it "
                    "is only asked over https",
                    kFullUri, log::quoted(host)));
  }
  co_return ProviderResult<void>();
}

std::string container_request(const ContainerEndpoint& endpoint, const std::string& token) {
  RequestHead head("GET", endpoint.target);
  head.add("host", host_header(endpoint.url));
  head.add("accept", "application/json");
  head.add("user-agent", user_agent());
  if (!token.empty()) head.add("authorization", token);
  return head.finish();
}

Attempt<aws::CredentialsPtr> read_container_answer(const ServiceAnswer& answer,
                                                   const std::string& source) {
  const unsigned status = answer.head.status;
  if (status != 200) {
    const bool transient = may_pass(status);
    return std::unexpected(
        Failure(Error(transient ? ErrorKind::kUpstream : ErrorKind::kDenied,
                      fmt::format("the answer is {}: {}", status, log::quoted(answer.body, 128))),
                transient ? Retry::kTransient : Retry::kNever));
  }
  Result<aws::CredentialsPtr> parsed = parse_metadata_answer(answer.body, source);
  if (parsed) return std::move(*parsed);
  const bool unreadable = parsed.error().kind() == ErrorKind::kUpstream;
  return std::unexpected(
      Failure(std::move(parsed.error()), unreadable ? Retry::kTransient : Retry::kNever));
}

rt::Task<Tried<aws::CredentialsPtr>> ask_endpoint(CredentialSearch& search,
                                                  const ContainerEndpoint& endpoint,
                                                  const std::string& token,
                                                  const std::string& source) {
  ServiceRequest request;
  request.server = server_of(endpoint.url);
  request.text = container_request(endpoint, token);
  request.limits = kContainerLimits;
  Attempt<ServiceAnswer> answer = co_await search.call(std::move(request));
  Attempt<aws::CredentialsPtr> found =
      answer ? read_container_answer(*answer, source) : std::unexpected(std::move(answer.error()));
  if (!found) co_return attempt_failed(source, found.error());
  co_return std::move(*found);
}

}  // namespace

bool is_container_address(const ip::address& address) {
  static const ip::address known[] = {ip::make_address("169.254.170.2"),
                                      ip::make_address("169.254.170.23"),
                                      ip::make_address("fd00:ec2::23")};
  return address.is_loopback() || std::ranges::find(known, address) != std::end(known);
}

ProviderResult<ContainerEndpoint> resolve_container_endpoint(const Environment& environment) {
  const std::string relative = first_set(environment, {kRelativeUri});
  const std::string full = first_set(environment, {kFullUri});
  if (relative.empty() && full.empty()) {
    return not_configured(fmt::format("neither {} nor {} is set", kRelativeUri, kFullUri));
  }
  const char* const variable = relative.empty() ? kFullUri : kRelativeUri;
  const std::string uri = relative.empty() ? full : std::string(kEcsUrl) + relative;
  if (!relative.empty() && !relative.starts_with('/'))
    return provider_denied(fmt::format("{} does not begin with a slash", variable));
  const size_t scheme_end = uri.find("://");
  const size_t host_at = scheme_end == std::string::npos ? 0 : scheme_end + 3;
  const size_t target_at = std::min(uri.find_first_of("/?#", host_at), uri.size());
  Result<EndpointUrl> url = parse_endpoint_url(std::string_view(uri).substr(0, target_at));
  if (!url) return provider_denied(fmt::format("{}: {}", variable, url.error().message()));
  ContainerEndpoint endpoint;
  endpoint.url = std::move(*url);
  endpoint.target = uri.substr(target_at, uri.find('#', target_at) - target_at);
  if (!endpoint.target.starts_with('/')) endpoint.target.insert(0, "/");
  const auto not_in_target = [](char c) { return c <= 0x20 || c >= 0x7f; };
  if (std::ranges::any_of(endpoint.target, not_in_target))
    return provider_denied(fmt::format("{} has characters that no URL has", variable));
  return endpoint;
}

rt::Task<ProviderResult<aws::CredentialsPtr>> container_credentials(CredentialSearch& search) {
  ProviderResult<ContainerEndpoint> endpoint = resolve_container_endpoint(search.environment());
  if (!endpoint) co_return std::unexpected(std::move(endpoint.error()));
  const EndpointUrl& url = endpoint->url;
  if (!url.tls) {
    ProviderResult<void> checked = co_await check_host(search, url.host);
    if (!checked) co_return std::unexpected(std::move(checked.error()));
  }
  ProviderResult<std::string> token = co_await authorization(search);
  if (!token) co_return std::unexpected(std::move(token.error()));
  const std::string source =
      fmt::format("container {}://{}", url.tls ? "https" : "http", host_header(url));
  const TryOnce<aws::CredentialsPtr> try_once = [&] {
    return ask_endpoint(search, *endpoint, *token, source);
  };
  ProviderResult<aws::CredentialsPtr> found =
      co_await try_up_to(kContainerLimits.attempts_max, search, try_once);
  co_return found;
}

}  // namespace cachey::origin
