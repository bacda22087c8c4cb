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
/// Not configured if AWS_EC2_METADATA_DISABLED is true. Pure.
[[nodiscard]] ProviderResult<EndpointUrl> resolve_instance_endpoint(const Environment& environment,
                                                                    const Profile& profile);

/// The service's name in messages: `the instance's metadata at HOST`.
[[nodiscard]] std::string instance_name(const EndpointUrl& url);

/// A client of an EC2 instance's metadata service, version 2. Keeps the session token that each
/// request needs. One fetch() at a time, from any thread.
class InstanceMetadata {
 public:
  /// The text of the document at `path`. Not configured if no service answers, or if there is no
  /// such document: then the failure's text is `absent`. `url` and `absent` outlive the task.
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
  /// Gets a token, unless token_ is valid.
  [[nodiscard]] rt::Task<ProviderResult<void>> renew_token(CredentialSearch& search,
                                                           const EndpointUrl& url);
  [[nodiscard]] rt::Task<Tried<Token>> try_for_token(CredentialSearch& search,
                                                     const EndpointUrl& url);

  Token token_;
};

}  // namespace cachey::origin
