#pragma once

#include <memory>

#include "origin/credentials/cache.h"
#include "origin/credentials/instance_provider.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/role_chain.h"
#include "origin/credentials/search.h"

namespace cachey::origin {

/// Where credentials are looked for, in this order: the environment, the profile (keys, roles,
/// processes), web identity, the container, the instance. Whoever is not configured is passed over;
/// whoever is, settles it, be it with an error. Files are read anew each time.
class CredentialChain final : public CredentialFinder {
 public:
  explicit CredentialChain(CredentialServices services) : services_(std::move(services)) {}

  rt::Task<Result<aws::CredentialsPtr>> find(rt::Worker& worker, MonoTime deadline) override;

 private:
  [[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> from_profile(CredentialSearch& search,
                                                                           const Profile& profile);
  [[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> from_base(CredentialSearch& search,
                                                                        const Profile& profile,
                                                                        const RoleChain& chain);

  const CredentialServices services_;
  InstanceProvider instance_;
};

/// The chain behind a cache.
[[nodiscard]] std::shared_ptr<CredentialsProvider> make_credentials_provider(
    CredentialServices services);

}  // namespace cachey::origin
