#include "origin/credentials/chain.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/log.h"
#include "origin/credentials/answers.h"
#include "origin/credentials/container_provider.h"
#include "origin/credentials/environment_credentials.h"
#include "origin/credentials/process.h"
#include "origin/credentials/sts.h"

namespace cachey::origin {
namespace {

/// The providers' results so far.
class Verdict {
 public:
  /// True: the search has its result.
  bool add(const char* provider, ProviderResult<aws::CredentialsPtr> result) {
    if (result) {
      result_ = std::move(*result);
      return true;
    }
    const Error& error = result.error().error;
    if (result.error().configured) {
      result_ = std::unexpected(
          Error(error.kind(), fmt::format("no credentials: {}: {}", provider, error.message()),
                ErrorCause::kNoCredentials));
      return true;
    }
    reasons_ += fmt::format("{} {}: {}", reasons_.empty() ? "" : ";", provider, error.message());
    return false;
  }

  /// If no provider was configured: kDenied with each provider's reason.
  Result<aws::CredentialsPtr> take_result() {
    if (result_) return std::move(*result_);
    return fail(ErrorKind::kDenied, "no credentials:" + reasons_, ErrorCause::kNoCredentials);
  }

 private:
  std::optional<Result<aws::CredentialsPtr>> result_;
  std::string reasons_;
};

ProviderResult<aws::CredentialsPtr> from_environment(const Environment& environment) {
  Result<aws::CredentialsPtr> found = credentials_from_environment(environment);
  if (!found) return provider_failed(std::move(found.error()));
  if (*found) return std::move(*found);
  return not_configured("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set");
}

rt::Task<ProviderResult<aws::CredentialsPtr>> from_web_identity(CredentialSearch& search,
                                                                const Profile& profile) {
  const Environment& environment = search.environment();
  WebIdentity identity;
  identity.token_file = first_set(environment, {"AWS_WEB_IDENTITY_TOKEN_FILE"});
  identity.role_arn = first_set(environment, {"AWS_ROLE_ARN"});
  identity.session_name = first_set(environment, {"AWS_ROLE_SESSION_NAME"});
  if (identity.token_file.empty() || identity.role_arn.empty()) {
    co_return not_configured("AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both set");
  }
  Result<StsEndpoint> sts = co_await find_sts_endpoint(search, profile);
  if (!sts) co_return provider_failed(std::move(sts.error()));
  std::string prefix = "web-identity-token-";
  ProviderResult<aws::CredentialsPtr> found = co_await assume_role_with_web_identity(
      search, std::move(*sts), std::move(identity), std::move(prefix));
  co_return found;
}

rt::Task<ProviderResult<aws::CredentialsPtr>> from_process(CredentialSearch& search,
                                                           std::string command,
                                                           std::string source) {
  const auto work = [&search, &command] {
    return run_credential_process(command, search.time_left());
  };
  Result<std::string> output = co_await search.services().blocking.run(work);
  if (!output) co_return provider_failed(std::move(output.error()));
  Result<aws::CredentialsPtr> parsed = parse_process_output(*output, source);
  if (!parsed) {
    co_return provider_denied("the credential process: " + parsed.error().message());
  }
  co_return std::move(*parsed);
}

}  // namespace

rt::Task<ProviderResult<aws::CredentialsPtr>> CredentialChain::from_base(CredentialSearch& search,
                                                                         const Profile& profile,
                                                                         const RoleChain& chain) {
  if (const auto* keys = std::get_if<aws::CredentialsPtr>(&chain.base)) co_return *keys;
  if (const auto* process = std::get_if<CredentialProcess>(&chain.base)) {
    std::string source =
        fmt::format("credential process of profile {}", log::quoted(chain.base_profile));
    ProviderResult<aws::CredentialsPtr> found =
        co_await from_process(search, process->command, std::move(source));
    co_return found;
  }
  if (const auto* identity = std::get_if<WebIdentity>(&chain.base)) {
    Result<StsEndpoint> sts = co_await find_sts_endpoint(search, profile);
    if (!sts) co_return provider_failed(std::move(sts.error()));
    std::string prefix = "web-identity-token-profile-";
    ProviderResult<aws::CredentialsPtr> found = co_await assume_role_with_web_identity(
        search, std::move(*sts), *identity, std::move(prefix));
    co_return found;
  }
  switch (std::get<NamedSource>(chain.base)) {
    case NamedSource::kEnvironment:
      break;
    case NamedSource::kContainer: {
      ProviderResult<aws::CredentialsPtr> found = co_await container_credentials(search);
      co_return found;
    }
    case NamedSource::kInstance: {
      ProviderResult<aws::CredentialsPtr> found = co_await instance_.get(search, profile);
      co_return found;
    }
  }
  co_return from_environment(search.environment());
}

rt::Task<ProviderResult<aws::CredentialsPtr>> CredentialChain::from_profile(
    CredentialSearch& search, const Profile& profile) {
  ProviderResult<RoleChain> chain = resolve_role_chain(profile);
  if (!chain) co_return std::unexpected(std::move(chain.error()));
  ProviderResult<aws::CredentialsPtr> found = co_await from_base(search, profile, *chain);
  if (!found) {
    co_return provider_failed(
        prefixed(fmt::format("profile {}", log::quoted(chain->base_profile)), found.error().error));
  }
  for (const AssumedRole& role : chain->roles) {
    Result<StsEndpoint> sts = co_await find_sts_endpoint(search, profile);
    if (!sts) co_return provider_failed(std::move(sts.error()));
    found = co_await assume_role(search, std::move(*sts), role, *found);
    if (!found) {
      co_return provider_failed(
          prefixed(fmt::format("profile {}", log::quoted(role.profile)), found.error().error));
    }
  }
  co_return found;
}

rt::Task<Result<aws::CredentialsPtr>> CredentialChain::find(rt::Worker& worker, MonoTime deadline) {
  Verdict verdict;
  CredentialSearch search(worker, services_, deadline);
  if (verdict.add("environment", from_environment(services_.environment)))
    co_return verdict.take_result();

  const auto load = [this] { return load_profile(services_.environment, services_.read_file); };
  Result<Profile> profile = co_await services_.blocking.run(load);
  if (!profile) {
    verdict.add("profile", provider_failed(std::move(profile.error())));
    co_return verdict.take_result();
  }
  ProviderResult<aws::CredentialsPtr> result = co_await from_profile(search, *profile);
  if (verdict.add("profile", std::move(result))) co_return verdict.take_result();
  result = co_await from_web_identity(search, *profile);
  if (verdict.add("web identity", std::move(result))) co_return verdict.take_result();
  result = co_await container_credentials(search);
  if (verdict.add("container", std::move(result))) co_return verdict.take_result();
  result = co_await instance_.get(search, *profile);
  verdict.add("instance", std::move(result));
  co_return verdict.take_result();
}

std::shared_ptr<CredentialsProvider> make_credentials_provider(CredentialServices services) {
  const Clock& clock = services.clock;
  Random& random = services.random;
  const std::chrono::milliseconds limit = services.search_limit;
  auto chain = std::make_unique<CredentialChain>(std::move(services));
  return std::make_shared<CredentialCache>(std::move(chain), clock, random, limit);
}

}  // namespace cachey::origin
