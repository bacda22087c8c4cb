#include "origin/credentials/instance_provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "origin/credentials/answers.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

// Expired credentials stay in use for kExtensionSeconds plus a random part of the jitter.
constexpr int64_t kExtensionSeconds = 600;
constexpr double kExtensionJitterSeconds = 300;

constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::string_view kNoRole = "no role is attached to the instance";

/// Whether `name` needs no escapes in a path.
bool is_role_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.+=,@").contains(c);
  };
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, allowed);
}

}  // namespace

rt::Task<ProviderResult<aws::CredentialsPtr>> InstanceProvider::get(CredentialSearch& search,
                                                                    const Profile& profile) {
  ProviderResult<EndpointUrl> url = resolve_instance_endpoint(search.environment(), profile);
  if (!url) co_return std::unexpected(std::move(url.error()));
  ProviderResult<aws::CredentialsPtr> found = co_await ask_instance(search, std::move(*url));
  if (found) {
    last_ = extended(search, *found);
    co_return last_;
  }
  if (!last_) co_return found;
  log::warn("the instance's last credentials are used on",
            {{"error", found.error().error.message()}});
  last_ = extended(search, last_);
  co_return last_;
}

aws::CredentialsPtr InstanceProvider::extended(CredentialSearch& search,
                                               const aws::CredentialsPtr& old) const {
  const int64_t now = search.services().clock.unix_seconds();
  if (!old->expires_at() || *old->expires_at() > now) return old;
  const auto jitter =
      static_cast<int64_t>(search.services().random.unit() * kExtensionJitterSeconds);
  log::warn("the instance's credentials have expired; they are used on for some minutes");
  return std::make_shared<const aws::Credentials>(old->access_key_id(), old->secret_access_key(),
                                                  old->session_token(), old->source(),
                                                  now + kExtensionSeconds + jitter);
}

rt::Task<ProviderResult<aws::CredentialsPtr>> InstanceProvider::ask_instance(
    CredentialSearch& search, EndpointUrl url) {
  ProviderResult<std::string> role =
      co_await metadata_.fetch(search, url, std::string(kRolePath), kNoRole);
  if (!role) co_return std::unexpected(std::move(role.error()));
  const std::string name = role->substr(0, role->find_first_of("\r\n"));
  if (!is_role_name(name)) {
    co_return provider_denied(
        fmt::format("the instance's metadata name a role {}", log::quoted(name, 64)));
  }
  std::string path = std::string(kRolePath) + name;
  ProviderResult<std::string> text =
      co_await metadata_.fetch(search, url, std::move(path), kNoRole);
  if (!text) co_return std::unexpected(std::move(text.error()));
  Result<aws::CredentialsPtr> parsed =
      parse_metadata_answer(*text, fmt::format("instance role {}", log::quoted(name)));
  if (!parsed) co_return provider_failed(prefixed("the instance's metadata", parsed.error()));
  co_return std::move(*parsed);
}

}  // namespace cachey::origin
