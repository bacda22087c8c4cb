#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

#include "aws/credentials.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/search.h"
#include "origin/environment.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// Where a container (ECS, EKS Pod Identity) finds its credentials.
struct ContainerEndpoint {
  EndpointUrl url;     ///< without the path
  std::string target;  ///< path and query, as they were given

  friend bool operator==(const ContainerEndpoint&, const ContainerEndpoint&) = default;
};

/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI under http://169.254.170.2, else
/// AWS_CONTAINER_CREDENTIALS_FULL_URI. Pure.
[[nodiscard]] ProviderResult<ContainerEndpoint> resolve_container_endpoint(
    const Environment& environment);

/// Whether the token may go to this address without TLS: loopback, and AWS's own link-local ones.
[[nodiscard]] bool is_container_address(const boost::asio::ip::address& address);

/// Asks the container's endpoint, with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (read anew each time)
/// or AWS_CONTAINER_AUTHORIZATION_TOKEN where one is set. Over http only where all addresses of the
/// host are is_container_address().
[[nodiscard]] rt::Task<ProviderResult<aws::CredentialsPtr>> container_credentials(
    CredentialSearch& search);

}  // namespace cachey::origin
