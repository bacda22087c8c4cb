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

/// Who is asked for a role with a token from a file.
struct WebIdentity {
  std::string role_arn;
  std::string token_file;
  std::string session_name;  ///< empty: one is made up
};

struct CredentialProcess {
  std::string command;
};

/// What the first role of a chain is assumed with, or what is used where there is none.
using BaseSource = std::variant<aws::CredentialsPtr, NamedSource, WebIdentity, CredentialProcess>;

struct AssumedRole {
  std::string profile;  ///< that says so
  std::string role_arn;
  std::string external_id;   ///< may be empty
  std::string session_name;  ///< empty: one is made up
  std::optional<std::chrono::seconds> duration;
};

/// How a profile's credentials come about: the base's, with them those of the first role, with
/// these those of the next.
struct RoleChain {
  std::string base_profile;  ///< that names the base
  BaseSource base;
  std::vector<AssumedRole> roles;
};

/// Longer chains are refused.
inline constexpr size_t kRolesMax = 16;

/// What the profile says on credentials, `source_profile` after `source_profile`. Pure. Not
/// configured where the files have no such profile, or the profile at the chain's end has nothing
/// on credentials. Fails (kDenied) on what cannot be meant: loops, halves of settings; and on what
/// is not built: SSO, login sessions, MFA.
[[nodiscard]] ProviderResult<RoleChain> resolve_role_chain(const Profile& profile);

}  // namespace cachey::origin
