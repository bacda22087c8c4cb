#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

#include "aws/credentials.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/search.h"
#include "origin/environment.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// The service that has a container's credentials (ECS, EKS Pod Identity).
struct ContainerEndpoint {
  EndpointUrl url;     ///< without the path
  std::string target;  ///< path and query, as configured

  friend bool operator==(const ContainerEndpoint&, const ContainerEndpoint&) = default;
};

/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI at http://169.254.170.2, else
/// AWS_CONTAINER_CREDENTIALS_FULL_URI. Pure.
[[nodiscard]] ProviderResult<ContainerEndpoint> resolve_container_endpoint(
    const Environment& environment);

/// Whether the token may be sent to `address` without TLS: loopback, and AWS's link-local
/// addresses.
[[nodiscard]] bool is_container_address(const boost::asio::ip::address& address);

/// Asks the container's endpoint. Sends the token in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (read
/// again each time), else AWS_CONTAINER_AUTHORIZATION_TOKEN, if either is set. Without TLS only if
/// every address of the host is_container_address().
[[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> container_credentials(
    CredentialSearch& search);

}  // namespace cachey::origin
