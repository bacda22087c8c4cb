#pragma once

#include <string>

#include "aws/credentials.h"
#include "origin/credentials/profile.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/role_chain.h"
#include "origin/credentials/search.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// Whom to ask for roles, and for which region to sign.
struct StsEndpoint {
  EndpointUrl url;
  std::string signing_region;

  friend bool operator==(const StsEndpoint&, const StsEndpoint&) = default;
};

/// AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, the endpoint_url that the profile has for sts or at all;
/// else the region's own, by AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT (or the profile's
/// settings of these names). Fails (kDenied) on what cannot be a region, and where one of the two
/// stands beside an endpoint. Pure.
[[nodiscard]] Result<StsEndpoint> resolve_sts_endpoint(const Environment& environment,
                                                       const Profile& profile,
                                                       const std::string& region);

/// The same for the region AWS_REGION, AWS_DEFAULT_REGION, the profile's, else the instance's.
/// `profile` outlives the task.
[[nodiscard]] rt::Task<Result<StsEndpoint>> find_sts_endpoint(CredentialSearch& search,
                                                              const Profile& profile);

/// The credentials of a role, asked for with `base`: a signed AssumeRole.
[[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> assume_role(CredentialSearch& search,
                                                                        StsEndpoint sts,
                                                                        AssumedRole role,
                                                                        aws::CredentialsPtr base);

/// The credentials of a role, asked for with the token in the file, which is read anew each time.
/// A session without a name gets one that begins with `session_prefix`.
[[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> assume_role_with_web_identity(
    CredentialSearch& search, StsEndpoint sts, WebIdentity identity, std::string session_prefix);

}  // namespace cachey::origin
