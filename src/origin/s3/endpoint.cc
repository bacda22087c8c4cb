#include "origin/s3/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <optional>
#include <span>

#include "base/escape.h"
#include "base/log.h"
#include "origin/s3/access_point.h"

namespace cachey::origin {
namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_host_character(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

bool is_bucket_label(std::string_view label) {
  if (label.empty() || !is_lower_or_digit(label.front()) || !is_lower_or_digit(label.back()))
    return false;
  return std::ranges::all_of(label, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

/// Can stand before the endpoint's host name; with dots only where `allow_dots`.
bool is_virtual_hostable(std::string_view bucket, bool allow_dots) {
  if (bucket.size() < 3 || bucket.size() > 63 || is_ip_address(bucket)) return false;
  if (!allow_dots) return is_bucket_label(bucket);
  while (true) {
    const size_t dot = bucket.find('.');
    if (!is_bucket_label(bucket.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    bucket.remove_prefix(dot + 1);
  }
}

// Of a region that none of these begins, the first.
constexpr Partition kPartitions[] = {
    {"", "amazonaws.com", "api.aws"},
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"us-gov-", "amazonaws.com", "api.aws"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
};

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
      region == kGlobalRegion ? kRegionOfGlobal : region, partition_of(region).dns_suffix);
  return url;
}

/// Why these options cannot be served, whatever the bucket; empty where they can.
std::string option_fault(const EndpointOptions& options) {
  if (!is_region(options.region)) {
    return fmt::format("{} cannot be a region", log::quoted(options.region));
  }
  if (options.custom != nullptr && (options.fips || options.dual_stack)) {
    return "FIPS and dual-stack endpoints are AWS's own: they exclude an endpoint URL";
  }
  if (options.fips && partition_of(options.region).region_prefix == "cn-") {
    return "the regions of China have no FIPS endpoints";
  }
  return {};
}

Result<BucketEndpoint> resolve_access_point(std::string_view arn, const EndpointOptions& options) {
  if (options.path_style) {
    return fail(ErrorKind::kRefused, "path style cannot be used with access-point ARNs");
  }
  const Result<AccessPoint> point = parse_access_point(arn);
  if (!point) return std::unexpected(point.error());
  if (&partition_of(point->region) != &partition_of(options.region)) {
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

struct Authority {
  std::string host;
  std::optional<uint16_t> port;
};

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, end - 1);
    if (!is_ip_address(authority.host)) return std::nullopt;
    rest = text.substr(end + 1);
  } else {
    const size_t colon = text.find(':');
    authority.host = text.substr(0, colon);
    if (authority.host.empty() || authority.host.size() > 253) return std::nullopt;
    if (!std::ranges::all_of(authority.host, is_host_character)) return std::nullopt;
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (rest.empty()) return authority;
  if (!rest.starts_with(':')) return std::nullopt;
  authority.port = parse_port(rest.substr(1));
  if (!authority.port) return std::nullopt;
  return authority;
}

}  // namespace

const Partition& partition_of(std::string_view region) {
  for (const Partition& partition : std::span(kPartitions).subspan(1)) {
    if (region.starts_with(partition.region_prefix)) return partition;
  }
  return kPartitions[0];
}

bool is_region(std::string_view region) {
  if (region.empty() || region.size() > 63 || region.front() == '-' || region.back() == '-')
    return false;
  return std::ranges::all_of(region,
                             [](char c) { return is_host_character(c) && c != '.' && c != '_'; });
}

bool is_ip_address(std::string_view host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

Result<EndpointUrl> parse_endpoint_url(std::string_view url) {
  const auto bad = [url](std::string_view fault) {
    const bool may_be_secret = url.find('@') != std::string_view::npos;
    const std::string quoted = may_be_secret ? "(with a user name)" : log::quoted(url);
    return fail(ErrorKind::kBadRequest, fmt::format("bad endpoint URL {}: {}", quoted, fault));
  };
  EndpointUrl parsed;
  std::string_view rest = url;
  const size_t scheme_end = url.find("://");
  std::string scheme(url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  std::ranges::transform(scheme, scheme.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (scheme != "http" && scheme != "https") return bad("it must start with http:// or https://");
  rest.remove_prefix(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos)
    return bad("it may have no query and no fragment");
  const size_t slash = rest.find('/');
  const std::string_view authority_text = rest.substr(0, slash);
  if (authority_text.find('@') != std::string_view::npos) return bad("it may have no user name");
  std::optional<Authority> authority = parse_authority(authority_text);
  if (!authority) return bad("its host or port cannot be one");
  parsed.tls = scheme == "https";
  parsed.host = std::move(authority->host);
  parsed.port = authority->port.value_or(parsed.tls ? 443 : 80);
  if (slash != std::string_view::npos) {
    std::string_view path = rest.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    const std::optional<std::string> decoded = percent_decode(path);
    if (!decoded) return bad("its path has a bad percent escape");
    percent_encode(*decoded, true, parsed.base_path);
  }
  return parsed;
}

Result<BucketEndpoint> resolve_endpoint(std::string_view bucket, const EndpointOptions& options) {
  if (bucket.empty() || bucket == "." || bucket == "..") {
    return fail(ErrorKind::kNotFound, "no bucket can have this name");
  }
  const std::string fault = option_fault(options);
  if (!fault.empty()) return fail(ErrorKind::kRefused, fault);
  if (is_arn(bucket)) return resolve_access_point(bucket, options);
  if (bucket.ends_with("--x-s3") || bucket.ends_with("--xa-s3"))
    return fail(ErrorKind::kRefused, "S3 Express buckets are not supported");
  if (bucket.ends_with("--op-s3"))
    return fail(ErrorKind::kRefused, "buckets on Outposts are not supported");
  BucketEndpoint endpoint;
  endpoint.url =
      options.custom != nullptr ? *options.custom : aws_endpoint("s3", options.region, options);
  endpoint.signing_region = options.region == kGlobalRegion ? kRegionOfGlobal : options.region;
  const bool allow_dots = options.custom != nullptr && !endpoint.url.tls;
  endpoint.virtual_host = !options.path_style && !is_ip_address(endpoint.url.host) &&
                          is_virtual_hostable(bucket, allow_dots);
  if (endpoint.virtual_host) endpoint.url.host = fmt::format("{}.{}", bucket, endpoint.url.host);
  return endpoint;
}

std::string host_header(const EndpointUrl& url) {
  const bool brackets = url.host.find(':') != std::string::npos;
  std::string header = brackets ? fmt::format("[{}]", url.host) : url.host;
  const uint16_t own_port = url.tls ? 443 : 80;
  if (url.port != own_port) header += fmt::format(":{}", url.port);
  return header;
}

std::string absolute_form(const EndpointUrl& url, std::string_view path) {
  return fmt::format("http://{}{}", host_header(url), path);
}

std::string object_path(const BucketEndpoint& endpoint, std::string_view bucket,
                        std::string_view key) {
  std::string path = endpoint.url.base_path;
  if (!endpoint.virtual_host) {
    path += '/';
    percent_encode(bucket, false, path);
  }
  path += '/';
  percent_encode(key, true, path);
  return path;
}

}  // namespace cachey::origin
