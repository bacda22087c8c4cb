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

/// What decides where a bucket's requests go, besides the bucket.
struct EndpointOptions {
  std::string_view region;
  const EndpointUrl* custom = nullptr;  ///< null: AWS's endpoint of the region
  bool path_style = false;
  bool fips = false;        ///< AWS's own endpoints only
  bool dual_stack = false;  ///< likewise: IPv6 beside IPv4
};

/// Where and as whom to ask for the objects of one bucket.
struct BucketEndpoint {
  EndpointUrl url;
  bool virtual_host = false;  ///< the bucket is in the host name, not in the path
  std::string signing_region;

  friend bool operator==(const BucketEndpoint&, const BucketEndpoint&) = default;
};

/// S3's endpoint rules. Pure. Virtual host where the bucket can be a host name's label, the
/// endpoint is no IP address and path style was not asked for; access-point ARNs have a host of
/// their own, in the ARN's region. Fails (kRefused, kNotFound) on a region that cannot be one, on
/// options that exclude each other, and on buckets that cannot be or need what is not built: S3
/// Express, Outposts, Object Lambda, multi-region access points.
[[nodiscard]] Result<BucketEndpoint> resolve_endpoint(std::string_view bucket,
                                                      const EndpointOptions& options);

/// The `Host` header's value: without the scheme's own port, IPv6 in brackets.
[[nodiscard]] std::string host_header(const EndpointUrl& url);

/// The request-target that an HTTP proxy wants: `http://HOST` and the path.
[[nodiscard]] std::string absolute_form(const EndpointUrl& url, std::string_view path);

/// The request-target's path, which is the canonical URI as well: every byte of bucket and key
/// encoded once, slashes and dot segments of the key kept.
[[nodiscard]] std::string object_path(const BucketEndpoint& endpoint, std::string_view bucket,
                                      std::string_view key);

/// AWS's regions by the domains of their services.
struct Partition {
  std::string_view region_prefix;
  std::string_view dns_suffix;
  std::string_view dual_stack_suffix;  ///< of services other than S3
};
[[nodiscard]] const Partition& partition_of(std::string_view region);

/// Can be a region's name: a host name's label.
[[nodiscard]] bool is_region(std::string_view region);

/// A name or address in dotted or colon form, not a host name.
[[nodiscard]] bool is_ip_address(std::string_view host);

}  // namespace cachey::origin
