#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

/// The settings that choose a bucket's endpoint.
struct EndpointOptions {
  std::string_view region;
  const EndpointUrl* custom = nullptr;  ///< null: AWS's endpoint of `region`
  bool path_style = false;
  bool fips = false;        ///< only for AWS's endpoints
  bool dual_stack = false;  ///< only for AWS's endpoints: IPv4 and IPv6
};

/// The endpoint of one bucket, and the region to sign for.
struct BucketEndpoint {
  EndpointUrl url;
  bool virtual_host = false;  ///< the bucket is in the host name, not in the path
  std::string signing_region;

  /// The path on the wire; see aws::object_path().
  [[nodiscard]] std::string object_path(std::string_view bucket, std::string_view key) const;

  friend bool operator==(const BucketEndpoint&, const BucketEndpoint&) = default;
};

/// S3's endpoint rules. Virtual-host style if the bucket is a valid label of a host name, the
/// endpoint is no IP address and `path_style` is false. An access-point ARN has its own host, in
/// the ARN's region. kNotFound: no bucket can have this name. kRefused: an invalid region, options
/// that exclude each other, or an unsupported kind of bucket: S3 Express, Outposts, Object Lambda,
/// multi-region access points. Pure.
[[nodiscard]] Result<BucketEndpoint> resolve_endpoint(std::string_view bucket,
                                                      const EndpointOptions& options);

/// The endpoint of the store itself, which lists the buckets. Errors as above. Pure.
[[nodiscard]] Result<BucketEndpoint> resolve_store_endpoint(const EndpointOptions& options);

}  // namespace cachey::origin
