#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::origin {

/// The address of a store, from a URL such as `http://minio:9000/base`.
struct EndpointUrl {
  bool tls = true;
  std::string host;  ///< a name or an IP address, IPv6 without brackets
  uint16_t port = 443;
  std::string base_path;  ///< percent-encoded, without the last slash: `/base` or empty

  friend bool operator==(const EndpointUrl&, const EndpointUrl&) = default;
};

/// Accepts http and https; no user, query or fragment. Fails with kBadRequest, naming the fault.
[[nodiscard]] Result<EndpointUrl> parse_endpoint_url(std::string_view url);

/// `host`, in brackets if it is an IPv6 address.
[[nodiscard]] std::string bracketed(const std::string& host);

/// The `Host` header's value: without the scheme's default port, IPv6 in brackets.
[[nodiscard]] std::string host_header(const EndpointUrl& url);

/// The request-target for an HTTP proxy: `http://HOST` and the path.
[[nodiscard]] std::string absolute_form(const EndpointUrl& url, std::string_view path);

/// Whether `host` is an IPv4 or IPv6 address and no host name.
[[nodiscard]] bool is_ip_address(std::string_view host);

}  // namespace cachey::origin
