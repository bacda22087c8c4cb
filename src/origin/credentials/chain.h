#pragma once

#include <memory>

#include "origin/credentials/cache.h"
#include "origin/credentials/instance_provider.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/role_chain.h"
#include "origin/credentials/search.h"

namespace cachey::origin {

/// Searches the providers in this order: the environment, the profile (keys, roles, processes), web
/// identity, the container, the instance. A provider that is not configured is skipped. The first
/// configured provider decides, also by an error. Each search reads the files again.
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

/// A cache of the chain's credentials.
[[nodiscard]] std::shared_ptr<CredentialsProvider> make_credentials_provider(
    CredentialServices services);

}  // namespace cachey::origin
