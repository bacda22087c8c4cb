#include "origin/credentials/sts.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "aws/date.h"
#include "aws/digest.h"
#include "aws/error_document.h"
#include "aws/partition.h"
#include "aws/sigv4.h"
#include "base/escape.h"
#include "base/log.h"
#include "origin/credentials/answers.h"
#include "origin/credentials/attempts.h"
#include "origin/credentials/instance_region.h"
#include "origin/credentials/settings.h"
#include "origin/transport/answer_failure.h"
#include "origin/transport/endpoint_url.h"
#include "origin/transport/request_head.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

constexpr ServiceLimits kStsLimits{.attempts_max = kAttemptsMax,
                                   .connect_timeout = milliseconds(3100),
                                   .read_timeout = milliseconds(5000)};
constexpr std::string_view kVersion = "2011-06-15";
constexpr std::string_view kContentType = "application/x-www-form-urlencoded";

std::string host_of(const std::string& region, bool fips, bool dual_stack) {
  if (region == "aws-global") return "sts.amazonaws.com";
  const aws::Partition& partition = aws::partition_of(region);
  return fmt::format("{}.{}.{}", fips ? "sts-fips" : "sts", region,
                     dual_stack ? partition.dual_stack_suffix : partition.dns_suffix);
}

std::string form_body(const std::vector<aws::NamedValue>& fields) {
  std::string body;
  for (const aws::NamedValue& field : fields) {
    if (!body.empty()) body += '&';
    body += field.name;
    body += '=';
    percent_encode(field.value, Slashes::kEscape, body);
  }
  return body;
}

/// The parameters of one call.
struct StsCall {
  std::string action;
  std::vector<aws::NamedValue> fields;
  aws::CredentialsPtr sign_with;  // null: the call is not signed
  std::string source;             // of the new credentials, for logs
};

/// The request's bytes. `http_proxy` receives the request instead of STS; null: no proxy, or a
/// tunnel.
std::string format_call(const StsCall& call, const StsEndpoint& sts, int64_t unix_seconds,
                        const Proxy* http_proxy) {
  std::vector<aws::NamedValue> fields = {{"Action", call.action},
                                         {"Version", std::string(kVersion)}};
  fields.insert(fields.end(), call.fields.begin(), call.fields.end());
  const std::string body = form_body(fields);
  const std::string path = sts.url.base_path + "/";
  std::vector<aws::NamedValue> headers = {{"content-length", std::to_string(body.size())},
                                          {"content-type", std::string(kContentType)},
                                          {"host", host_header(sts.url)}};
  if (call.sign_with) {
    headers.push_back({"x-amz-date", aws::amz_date(unix_seconds)});
    const std::string& token = call.sign_with->session_token();
    if (!token.empty()) headers.push_back({"x-amz-security-token", token});
    const std::string payload_hash = aws::hex(aws::sha256(body));
    aws::RequestToSign to_sign;
    to_sign.method = "POST";
    to_sign.path = path;
    to_sign.headers = headers;
    to_sign.payload_hash = payload_hash;
    aws::SigningScope scope;
    scope.region = sts.signing_region;
    scope.service = "sts";
    aws::Signer signer;
    std::string authorization = signer.authorization(to_sign, scope, *call.sign_with, unix_seconds);
    headers.push_back({"authorization", std::move(authorization)});
  }
  if (http_proxy != nullptr && !http_proxy->authorization.empty())
    headers.push_back({"proxy-authorization", http_proxy->authorization});
  const std::string target = http_proxy == nullptr ? path : absolute_form(sts.url, path);
  RequestHead head("POST", target);
  for (const aws::NamedValue& header : headers) head.add(header.name, header.value);
  head.add("user-agent", user_agent());
  return head.finish() + body;
}

Attempt<aws::CredentialsPtr> read_sts_answer(const StsCall& call, const ServiceAnswer& answer) {
  if (answer.head.status == 200) {
    Result<aws::CredentialsPtr> parsed = parse_sts_answer(answer.body, call.action, call.source);
    if (!parsed) return std::unexpected(Failure(std::move(parsed.error())));
    return std::move(*parsed);
  }
  const aws::ErrorDocument document = parse_sts_error(answer.body);
  Failure failure = failure_of(answer.head, document);
  const bool passes = may_pass(answer.head.status) || document.code == "IDPCommunicationError";
  if (passes && failure.retry == Retry::kNever) failure.retry = Retry::kTransient;
  const bool refused = failure.retry == Retry::kNever;
  failure.error =
      Error(refused ? ErrorKind::kDenied : ErrorKind::kUpstream,
            fmt::format("STS answered {} {} request_id={}: {}", answer.head.status,
                        log::quoted(document.code, 64), log::quoted(document.request_id, 64),
                        log::quoted(document.message)));
  return std::unexpected(std::move(failure));
}

/// One call to STS, over all its attempts. Owned by the coroutine that waits for the result.
class StsExchange {
 public:
  /// `search` outlives the exchange.
  StsExchange(CredentialSearch& search, StsEndpoint sts, StsCall call)
      : search_(search), sts_(std::move(sts)), call_(std::move(call)) {
    const ProxyRules* const proxies = search.services().proxies.get();
    if (!sts_.url.tls && proxies != nullptr)
      http_proxy_ = proxies->proxy_for(Scheme::kHttp, sts_.url.host);
  }

  [[nodiscard]] rt::Task<Tried<aws::CredentialsPtr>> try_once() {
    const std::string prefix = fmt::format("{} at {}", call_.action, host_header(sts_.url));
    const int64_t now = search_.services().clock.unix_seconds();
    ServiceRequest request;
    request.server = server_of(sts_.url);
    request.text = format_call(call_, sts_, now + clock_offset_.value_or(0), http_proxy_);
    request.by_proxy = true;
    request.limits = kStsLimits;
    Attempt<ServiceAnswer> answer = co_await search_.call(std::move(request));
    const bool corrected = answer && correct_clock(answer->head, now);
    Attempt<aws::CredentialsPtr> found =
        answer ? read_sts_answer(call_, *answer) : std::unexpected(std::move(answer.error()));
    if (found) co_return std::move(*found);
    std::unexpected<FailedAttempt> failed = attempt_failed(prefix, found.error());
    if (corrected) failed.error().again = Again::kAtOnce;
    co_return failed;
  }

 private:
  /// Returns true, once, if STS refused the signature and its clock is far from ours. No error code
  /// says so reliably.
  bool correct_clock(const ResponseHead& head, int64_t now) {
    if (head.status != 403 || !head.date || !call_.sign_with || clock_offset_) return false;
    if (std::abs(*head.date - now) <= aws::kClockErrorMax) return false;
    clock_offset_ = *head.date - now;
    return true;
  }

  CredentialSearch& search_;
  const StsEndpoint sts_;
  const StsCall call_;
  const Proxy* http_proxy_ = nullptr;    // null: no proxy, or a tunnel
  std::optional<int64_t> clock_offset_;  // seconds from our time to that of STS, once known
};

rt::Task<ProviderResult<aws::CredentialsPtr>> call_sts(CredentialSearch& search, StsEndpoint sts,
                                                       StsCall call) {
  StsExchange exchange(search, std::move(sts), std::move(call));
  const TryOnce<aws::CredentialsPtr> try_once = [&exchange] { return exchange.try_once(); };
  ProviderResult<aws::CredentialsPtr> found =
      co_await try_up_to(kStsLimits.attempts_max, search, try_once);
  co_return found;
}

/// The name of a session if the profile has none.
std::string default_session_name(const std::string& prefix, const Clock& clock) {
  return fmt::format("{}{}", prefix, clock.unix_seconds() * 1000);
}

}  // namespace

Result<StsEndpoint> resolve_sts_endpoint(const Environment& environment, const Profile& profile,
                                         const std::string& region) {
  const Settings settings(environment, profile);
  const bool fips = settings.get("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint").is("true");
  const bool dual_stack =
      settings.get("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint").is("true");
  if (!aws::is_region(region))
    return fail(ErrorKind::kDenied, fmt::format("{} cannot be a region", log::quoted(region, 64)));
  StsEndpoint sts;
  sts.signing_region = region == "aws-global" ? "us-east-1" : region;
  const std::string custom = settings.endpoint_url("AWS_ENDPOINT_URL_STS", "sts").value;
  if (!custom.empty() && (fips || dual_stack)) {
    return fail(ErrorKind::kDenied,
                "FIPS and dual-stack endpoints of STS need AWS's own endpoint, "
                "but another one is set");
  }
  const std::string url = custom.empty() ? "https://" + host_of(region, fips, dual_stack) : custom;
  Result<EndpointUrl> parsed = parse_endpoint_url(url);
  if (!parsed) return fail(ErrorKind::kDenied, "STS: " + parsed.error().message());
  sts.url = std::move(*parsed);
  return sts;
}

rt::Task<Result<StsEndpoint>> find_sts_endpoint(CredentialSearch& search, const Profile& profile) {
  constexpr const char* kMissing = "a region must be set to ask STS for a role: set AWS_REGION";
  std::string region = Settings(search.environment(), profile).region().value;
  if (region.empty()) {
    const std::shared_ptr<InstanceRegion> instance = search.services().region;
    if (!instance) co_return fail(ErrorKind::kDenied, kMissing);
    Result<std::string> found = co_await instance->get(search.worker(), search.deadline());
    if (!found) {
      co_return fail(ErrorKind::kDenied, fmt::format("{} ({})", kMissing, found.error().message()));
    }
    region = std::move(*found);
  }
  co_return resolve_sts_endpoint(search.environment(), profile, region);
}

rt::Task<ProviderResult<aws::CredentialsPtr>> assume_role(CredentialSearch& search, StsEndpoint sts,
                                                          AssumedRole role,
                                                          aws::CredentialsPtr base) {
  StsCall call;
  call.action = "AssumeRole";
  call.sign_with = base;
  call.source = fmt::format("role {} of profile {}, from {}", log::quoted(role.role_arn),
                            log::quoted(role.profile), base->source());
  std::string session = role.session_name;
  if (session.empty())
    session = default_session_name("assume-role-from-profile-", search.services().clock);
  call.fields.push_back({"RoleArn", role.role_arn});
  call.fields.push_back({"RoleSessionName", std::move(session)});
  if (role.duration)
    call.fields.push_back({"DurationSeconds", std::to_string(role.duration->count())});
  if (!role.external_id.empty()) call.fields.push_back({"ExternalId", role.external_id});
  ProviderResult<aws::CredentialsPtr> assumed =
      co_await call_sts(search, std::move(sts), std::move(call));
  co_return assumed;
}

rt::Task<ProviderResult<aws::CredentialsPtr>> assume_role_with_web_identity(
    CredentialSearch& search, StsEndpoint sts, WebIdentity identity, std::string session_prefix) {
  Result<std::string> token = co_await search.read_token_file(identity.token_file);
  if (!token) {
    co_return provider_denied("the web identity's token: " + token.error().message());
  }
  StsCall call;
  call.action = "AssumeRoleWithWebIdentity";
  call.source = fmt::format("role {} by web identity", log::quoted(identity.role_arn));
  if (identity.session_name.empty())
    identity.session_name = default_session_name(session_prefix, search.services().clock);
  call.fields.push_back({"RoleArn", std::move(identity.role_arn)});
  call.fields.push_back({"RoleSessionName", std::move(identity.session_name)});
  call.fields.push_back({"WebIdentityToken", std::move(*token)});
  ProviderResult<aws::CredentialsPtr> assumed =
      co_await call_sts(search, std::move(sts), std::move(call));
  co_return assumed;
}

}  // namespace cachey::origin
