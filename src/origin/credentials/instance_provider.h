#pragma once

#include "aws/credentials.h"
#include "origin/credentials/instance_metadata.h"
#include "origin/credentials/profile.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/search.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// The credentials of an EC2 instance's role, from its metadata service. Keeps the last
/// credentials: while the service fails, they stay in use. Expired credentials from the service
/// count as valid for 10 to 15 more minutes, because S3 accepts them. One get() at a time, from any
/// thread.
class InstanceProvider {
 public:
  /// Also not configured if no service answers, or no role is attached to the instance.
  [[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> get(CredentialSearch& search,
                                                                  const Profile& profile);

 private:
  [[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> ask_instance(CredentialSearch& search,
                                                                           EndpointUrl url);
  [[nodiscard]] aws::CredentialsPtr extended(CredentialSearch& search,
                                             const aws::CredentialsPtr& old) const;

  InstanceMetadata metadata_;
  aws::CredentialsPtr last_;
};

}  // namespace cachey::origin
