#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::origin {

/// Where a store listens, from a URL such as `http://minio:9000/base`.
struct EndpointUrl {
  bool tls = true;
  std::string host;  ///< a name or an IP address, an IPv6 one without brackets
  uint16_t port = 443;
  std::string base_path;  ///< percent-encoded, without the last slash: `/base` or empty

  friend bool operator==(const EndpointUrl&, const EndpointUrl&) = default;
};

/// http or https, no user, no query, no fragment. The message of a failure names the fault.
[[nodiscard]] Result<EndpointUrl> parse_endpoint_url(std::string_view url);

/// The `Host` header's value: without the scheme's own port, IPv6 in brackets.
[[nodiscard]] std::string host_header(const EndpointUrl& url);

/// The request-target that an HTTP proxy wants: `http://HOST` and the path.
[[nodiscard]] std::string absolute_form(const EndpointUrl& url, std::string_view path);

/// A name or address in dotted or colon form, not a host name.
[[nodiscard]] bool is_ip_address(std::string_view host);

}  // namespace cachey::origin
