#pragma once

#include "aws/credentials.h"
#include "origin/credentials/instance_metadata.h"
#include "origin/credentials/profile.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/search.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// An EC2 instance's own credentials, by its metadata service. Keeps those last seen: while the
/// service is in trouble they are used on, and credentials that it hands out expired count as good
/// for some more minutes, for S3 takes them. One search at a time; its calls may come from
/// different threads, one after the other.
class InstanceProvider {
 public:
  /// Not configured, too, where nobody answers, or no role is attached to the instance.
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
