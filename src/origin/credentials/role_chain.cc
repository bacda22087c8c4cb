#include "origin/credentials/role_chain.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/log.h"

namespace cachey::origin {
namespace {

using std::chrono::seconds;

// The limits of STS.
constexpr seconds kDurationMin{900};
constexpr seconds kDurationMax{43'200};

constexpr const char* kNotBuilt[] = {"sso_session", "sso_account_id", "sso_role_name",
                                     "sso_start_url", "login_session"};

/// One profile of the chain.
struct Link {
  const std::string& name;
  const Section& settings;

  [[nodiscard]] std::string get(std::string_view key) const {
    const auto found = settings.find(key);
    return found == settings.end() ? std::string() : found->second;
  }
  [[nodiscard]] bool has(std::string_view key) const { return !get(key).empty(); }
  [[nodiscard]] std::unexpected<ProviderFailure> refuse(std::string_view fault) const {
    return provider_denied(fmt::format("profile {} {}", log::quoted(name), fault));
  }
};

bool has_static_keys(const Link& link) {
  return link.has("aws_access_key_id") && link.has("aws_secret_access_key");
}

ProviderResult<BaseSource> static_keys(const Link& link) {
  aws::Keys keys;
  keys.access_key_id = link.get("aws_access_key_id");
  keys.secret_access_key = link.get("aws_secret_access_key");
  keys.session_token = link.get("aws_session_token");
  if (keys.access_key_id.empty() && keys.secret_access_key.empty() && keys.session_token.empty()) {
    return not_configured(
        fmt::format("profile {} says nothing on credentials", log::quoted(link.name)));
  }
  if (keys.access_key_id.empty()) return link.refuse("has no aws_access_key_id");
  if (keys.secret_access_key.empty()) return link.refuse("has no aws_secret_access_key");
  Result<aws::CredentialsPtr> made =
      aws::make_credentials(std::move(keys), fmt::format("profile {}", log::quoted(link.name)));
  if (!made) return link.refuse("cannot be used: " + made.error().message());
  return std::move(*made);
}

ProviderResult<BaseSource> named_source(const Link& link) {
  const std::string name = link.get("credential_source");
  const auto is = [&name](const char* known) { return ::strcasecmp(name.c_str(), known) == 0; };
  if (is("Environment")) return NamedSource::kEnvironment;
  if (is("Ec2InstanceMetadata")) return NamedSource::kInstance;
  if (is("EcsContainer")) return NamedSource::kContainer;
  return link.refuse(
      fmt::format("has credential_source {}, which is none of Environment, Ec2InstanceMetadata and "
                  "EcsContainer",
                  log::quoted(name)));
}

ProviderResult<BaseSource> base_source(const Link& link) {
  if (link.has("credential_source")) return named_source(link);
  if (link.has("web_identity_token_file")) {
    if (!link.has("role_arn")) return link.refuse("has web_identity_token_file but no role_arn");
    return WebIdentity(link.get("role_arn"), link.get("web_identity_token_file"),
                       link.get("role_session_name"));
  }
  for (const char* setting : kNotBuilt) {
    if (!link.has(setting)) continue;
    return link.refuse(fmt::format(
        "uses {}, which is not supported: use access keys, a role, credential_process (such as "
        "\"aws configure export-credentials --format process\"), a web identity, or the "
        "container's or instance's own credentials",
        setting));
  }
  if (link.has("credential_process")) return CredentialProcess(link.get("credential_process"));
  return static_keys(link);
}

ProviderResult<std::optional<seconds>> duration_of(const Link& link) {
  const std::string text = link.get("duration_seconds");
  if (text.empty()) return std::nullopt;
  const auto number = parse_number<int64_t>(text);
  if (!number || *number < kDurationMin.count() || *number > kDurationMax.count()) {
    return link.refuse(fmt::format("has duration_seconds {}, which is no number from {} to {}",
                                   log::quoted(text), kDurationMin.count(), kDurationMax.count()));
  }
  return seconds(*number);
}

ProviderResult<AssumedRole> assumed_role(const Link& link) {
  if (link.has("mfa_serial")) {
    return link.refuse("wants a code of an MFA device (mfa_serial), which nobody could type here");
  }
  ProviderResult<std::optional<seconds>> duration = duration_of(link);
  if (!duration) return std::unexpected(std::move(duration.error()));
  AssumedRole role;
  role.profile = link.name;
  role.role_arn = link.get("role_arn");
  role.external_id = link.get("external_id");
  role.session_name = link.get("role_session_name");
  role.duration = *duration;
  return role;
}

/// Follows source_profile from profile to profile.
class Walk {
 public:
  explicit Walk(const Sections& profiles) : profiles_(profiles) {}

  /// REQUIRES: the profile `selected` exists.
  ProviderResult<RoleChain> from(const std::string& selected) {
    std::string name = selected;
    while (true) {
      const auto found = profiles_.find(name);
      const Link link{found->first, found->second};
      const bool first = seen_.empty();
      if (!seen_.insert(name).second) return link.refuse("leads back to itself by source_profile");
      if (!first && has_static_keys(link)) return end_at(link, static_keys(link));
      if (!link.has("role_arn") || link.has("web_identity_token_file"))
        return end_at(link, base_source(link));
      ProviderResult<std::string> source = add_role(link);
      if (!source) return std::unexpected(std::move(source.error()));
      if (source->empty() || *source == name) return end_at(link, base_source(link));
      if (!profiles_.contains(*source)) {
        return link.refuse(
            fmt::format("has source_profile {}, which does not exist", log::quoted(*source)));
      }
      name = std::move(*source);
    }
  }

 private:
  /// Returns the source_profile; empty if the profile has a credential_source.
  ProviderResult<std::string> add_role(const Link& link) {
    const bool has_profile = link.has("source_profile");
    const bool has_named = link.has("credential_source");
    if (has_profile && has_named)
      return link.refuse("has both source_profile and credential_source");
    if (!has_profile && !has_named)
      return link.refuse("has role_arn but neither source_profile nor credential_source");
    if (chain_.roles.size() >= kRolesMax) return link.refuse("is one role too many in a chain");
    ProviderResult<AssumedRole> role = assumed_role(link);
    if (!role) return std::unexpected(std::move(role.error()));
    chain_.roles.push_back(std::move(*role));
    return link.get("source_profile");
  }

  ProviderResult<RoleChain> end_at(const Link& link, ProviderResult<BaseSource> base) {
    if (!base) return std::unexpected(std::move(base.error()));
    chain_.base_profile = link.name;
    chain_.base = std::move(*base);
    std::ranges::reverse(chain_.roles);
    return std::move(chain_);
  }

  const Sections& profiles_;
  std::set<std::string> seen_;
  RoleChain chain_;
};

}  // namespace

ProviderResult<RoleChain> resolve_role_chain(const Profile& profile) {
  if (!profile.exists()) {
    return not_configured(
        fmt::format("there is no profile {} in AWS's config and credentials files",
                    log::quoted(profile.name())));
  }
  return Walk(profile.all()).from(profile.name());
}

}  // namespace cachey::origin
