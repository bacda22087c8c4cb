#include "origin/s3/endpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/object_path.h"
#include "aws/partition.h"
#include "base/ascii.h"
#include "base/log.h"
#include "origin/s3/access_point.h"

namespace cachey::origin {
namespace {

constexpr size_t kBucketBytesMin = 3;
constexpr size_t kBucketBytesMax = 63;

bool is_lower_or_digit(char c) { return is_lower(c) || is_digit(c); }

bool is_bucket_label(std::string_view label) {
  if (label.empty() || !is_lower_or_digit(label.front()) || !is_lower_or_digit(label.back()))
    return false;
  return std::ranges::all_of(label, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

/// Whether the bucket can be a prefix of the endpoint's host name.
bool is_virtual_hostable(std::string_view bucket, bool allow_dots) {
  if (bucket.size() < kBucketBytesMin || bucket.size() > kBucketBytesMax || is_ip_address(bucket))
    return false;
  if (!allow_dots) return is_bucket_label(bucket);
  while (true) {
    const size_t dot = bucket.find('.');
    if (!is_bucket_label(bucket.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    bucket.remove_prefix(dot + 1);
  }
}

constexpr std::string_view kGlobalRegion = "aws-global";
constexpr std::string_view kRegionOfGlobal = "us-east-1";

/// `{service}[-fips][.dualstack].{region}.{suffix}`.
EndpointUrl aws_endpoint(std::string_view service, std::string_view region,
                         const EndpointOptions& options) {
  EndpointUrl url;
  if (region == kGlobalRegion && !options.fips && !options.dual_stack) {
    url.host = fmt::format("{}.amazonaws.com", service);
    return url;
  }
  url.host = fmt::format(
      "{}{}{}.{}.{}", service, options.fips ? "-fips" : "", options.dual_stack ? ".dualstack" : "",
      region == kGlobalRegion ? kRegionOfGlobal : region, aws::partition_of(region).dns_suffix);
  return url;
}

/// kRefused: options that are wrong for every bucket.
Result<void> check_options(const EndpointOptions& options) {
  if (!aws::is_region(options.region)) {
    return fail(ErrorKind::kRefused, log::quoted(options.region) + " cannot be a region",
                ErrorCause::kBadRegion);
  }
  if (options.custom != nullptr && (options.fips || options.dual_stack)) {
    return fail(ErrorKind::kRefused,
                "FIPS and dual-stack endpoints are AWS's own: they exclude an endpoint URL");
  }
  if (options.fips && aws::partition_of(options.region).region_prefix == "cn-") {
    return fail(ErrorKind::kRefused, "the regions of China have no FIPS endpoints");
  }
  return {};
}

Result<BucketEndpoint> resolve_access_point(std::string_view arn, const EndpointOptions& options) {
  if (options.path_style) {
    return fail(ErrorKind::kRefused, "path style cannot be used with access-point ARNs");
  }
  const Result<AccessPoint> point = parse_access_point(arn);
  if (!point) return std::unexpected(point.error());
  if (&aws::partition_of(point->region) != &aws::partition_of(options.region)) {
    return fail(ErrorKind::kRefused,
                fmt::format("the region {} of the access point is of another partition than {}",
                            point->region, options.region));
  }
  BucketEndpoint endpoint;
  endpoint.url = options.custom != nullptr ? *options.custom
                                           : aws_endpoint("s3-accesspoint", point->region, options);
  if (is_ip_address(endpoint.url.host)) {
    return fail(ErrorKind::kRefused, "an access point needs an endpoint with a host name");
  }
  endpoint.url.host = fmt::format("{}-{}.{}", point->name, point->account, endpoint.url.host);
  endpoint.virtual_host = true;
  endpoint.signing_region = point->region;
  return endpoint;
}

}  // namespace

Result<BucketEndpoint> resolve_endpoint(std::string_view bucket, const EndpointOptions& options) {
  if (bucket.empty() || bucket == "." || bucket == "..") {
    return fail(ErrorKind::kNotFound, "no bucket can have this name");
  }
  if (is_arn(bucket)) {
    if (Result<void> fit = check_options(options); !fit) return std::unexpected(fit.error());
    return resolve_access_point(bucket, options);
  }
  if (bucket.ends_with("--x-s3") || bucket.ends_with("--xa-s3"))
    return fail(ErrorKind::kRefused, "S3 Express buckets are not supported");
  if (bucket.ends_with("--op-s3"))
    return fail(ErrorKind::kRefused, "buckets on Outposts are not supported");
  Result<BucketEndpoint> endpoint = resolve_store_endpoint(options);
  if (!endpoint) return endpoint;
  EndpointUrl& url = endpoint->url;
  const bool allow_dots = options.custom != nullptr && !url.tls;
  endpoint->virtual_host =
      !options.path_style && !is_ip_address(url.host) && is_virtual_hostable(bucket, allow_dots);
  if (endpoint->virtual_host) url.host = fmt::format("{}.{}", bucket, url.host);
  return endpoint;
}

Result<BucketEndpoint> resolve_store_endpoint(const EndpointOptions& options) {
  if (Result<void> fit = check_options(options); !fit) return std::unexpected(fit.error());
  BucketEndpoint endpoint;
  endpoint.url =
      options.custom != nullptr ? *options.custom : aws_endpoint("s3", options.region, options);
  endpoint.signing_region = options.region == kGlobalRegion ? kRegionOfGlobal : options.region;
  return endpoint;
}

std::string BucketEndpoint::object_path(std::string_view bucket, std::string_view key) const {
  return aws::object_path(url.base_path, virtual_host ? std::string_view() : bucket, key);
}

}  // namespace cachey::origin
