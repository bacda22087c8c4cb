#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "origin/credentials/attempts.h"
#include "origin/credentials/profile.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/search.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// AWS_EC2_METADATA_SERVICE_ENDPOINT, the profile's ec2_metadata_service_endpoint, else the address
/// for AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (ec2_metadata_service_endpoint_mode), IPv4 or IPv6.
/// Not configured where AWS_EC2_METADATA_DISABLED is true. Pure.
[[nodiscard]] ProviderResult<EndpointUrl> resolve_instance_endpoint(const Environment& environment,
                                                                    const Profile& profile);

/// `the instance's metadata at HOST`: whom a failure is about.
[[nodiscard]] std::string instance_name(const EndpointUrl& url);

/// The metadata service of an EC2 instance, by its version 2: keeps the token that each question
/// needs. One question at a time, from any thread.
class InstanceMetadata {
 public:
  /// A document's text. Not configured where nobody answers, or where there is no such document:
  /// then the failure says `absent`. `url` and `absent` outlive the task.
  [[nodiscard]] rt::Task<ProviderResult<std::string>> fetch(CredentialSearch& search,
                                                            const EndpointUrl& url,
                                                            std::string path,
                                                            std::string_view absent);

 private:
  struct Token {
    std::string text;
    int64_t valid_until = 0;  // Unix seconds
  };

  [[nodiscard]] rt::Task<Tried<std::string>> try_fetch(CredentialSearch& search,
                                                       const EndpointUrl& url,
                                                       const std::string& path,
                                                       std::string_view absent);
  /// Sees to it that there is a token.
  [[nodiscard]] rt::Task<ProviderResult<void>> renew_token(CredentialSearch& search,
                                                           const EndpointUrl& url);
  [[nodiscard]] rt::Task<Tried<Token>> try_for_token(CredentialSearch& search,
                                                     const EndpointUrl& url);

  Token token_;
};

}  // namespace cachey::origin
