#pragma once

#include <string>

#include "aws/credentials.h"
#include "origin/credentials/profile.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/role_chain.h"
#include "origin/credentials/search.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// An endpoint of STS, and the region in the signature.
struct StsEndpoint {
  EndpointUrl url;
  std::string signing_region;

  friend bool operator==(const StsEndpoint&, const StsEndpoint&) = default;
};

/// The configured endpoint (Settings::endpoint_url()), else the region's own, with
/// AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT (use_fips_endpoint,
/// use_dualstack_endpoint). kDenied if `region` cannot be a region, or if FIPS or dual stack is set
/// beside a configured endpoint. Pure.
[[nodiscard]] Result<StsEndpoint> resolve_sts_endpoint(const Environment& environment,
                                                       const Profile& profile,
                                                       const std::string& region);

/// resolve_sts_endpoint() for the region of the settings, else of the instance. `profile` outlives
/// the task.
[[nodiscard]] rt::Task<Result<StsEndpoint>> find_sts_endpoint(CredentialSearch& search,
                                                              const Profile& profile);

/// Gets the credentials of a role: AssumeRole, signed with `base`.
[[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> assume_role(CredentialSearch& search,
                                                                        StsEndpoint sts,
                                                                        AssumedRole role,
                                                                        aws::CredentialsPtr base);

/// Gets the credentials of a role: AssumeRoleWithWebIdentity, not signed, with the token file's
/// text; the file is read each time. The default name of a session begins with `session_prefix`.
[[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> assume_role_with_web_identity(
    CredentialSearch& search, StsEndpoint sts, WebIdentity identity, std::string session_prefix);

}  // namespace cachey::origin
