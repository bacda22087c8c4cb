#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "aws/credentials.h"
#include "origin/credentials/profile.h"
#include "origin/credentials/provider_result.h"

namespace cachey::origin {

/// A `credential_source`.
enum class NamedSource : uint8_t { kEnvironment, kContainer, kInstance };

/// A role that STS gives for a token from a file.
struct WebIdentity {
  std::string role_arn;
  std::string token_file;
  std::string session_name;  ///< empty: a default name
};

struct CredentialProcess {
  std::string command;
};

/// The source of a chain's first credentials. They are the result if the chain has no role.
using BaseSource = std::variant<aws::CredentialsPtr, NamedSource, WebIdentity, CredentialProcess>;

struct AssumedRole {
  std::string profile;  ///< the profile that names the role
  std::string role_arn;
  std::string external_id;   ///< may be empty
  std::string session_name;  ///< empty: a default name
  std::optional<std::chrono::seconds> duration;
};

/// How to get a profile's credentials: the base's credentials get the credentials of the first
/// role, these get the credentials of the next role, and so on.
struct RoleChain {
  std::string base_profile;  ///< the profile that names the base
  BaseSource base;
  std::vector<AssumedRole> roles;
};

/// Longer chains are refused.
inline constexpr size_t kRolesMax = 16;

/// Follows the profile's `source_profile` settings. Pure. Not configured if the files have no such
/// profile, or if the chain's last profile has no setting for credentials. kDenied for loops,
/// incomplete settings and what is not implemented: SSO, login sessions, MFA.
[[nodiscard]] ProviderResult<RoleChain> resolve_role_chain(const Profile& profile);

}  // namespace cachey::origin
