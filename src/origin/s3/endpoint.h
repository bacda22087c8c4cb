#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

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

  /// The path on the wire, see aws::object_path().
  [[nodiscard]] std::string object_path(std::string_view bucket, std::string_view key) const;

  friend bool operator==(const BucketEndpoint&, const BucketEndpoint&) = default;
};

/// S3's endpoint rules. Pure. Virtual host where the bucket can be a host name's label, the
/// endpoint is no IP address and path style was not asked for; access-point ARNs have a host of
/// their own, in the ARN's region. Fails (kRefused, kNotFound) on a region that cannot be one, on
/// options that exclude each other, and on buckets that cannot be or need what is not built: S3
/// Express, Outposts, Object Lambda, multi-region access points.
[[nodiscard]] Result<BucketEndpoint> resolve_endpoint(std::string_view bucket,
                                                      const EndpointOptions& options);

}  // namespace cachey::origin
