#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::origin {

/// An S3 access point, given in place of a bucket's name:
/// `arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME` (or `:NAME`).
struct AccessPoint {
  std::string region;
  std::string account;
  std::string name;

  friend bool operator==(const AccessPoint&, const AccessPoint&) = default;
};

[[nodiscard]] inline bool is_arn(std::string_view bucket) { return bucket.starts_with("arn:"); }

/// Each part of the result is a valid label of a host name. kNotFound: not the ARN of an access
/// point. kRefused: a kind that Cachey does not support: multi-region access points, Outposts,
/// Object Lambda. REQUIRES: is_arn(arn).
[[nodiscard]] Result<AccessPoint> parse_access_point(std::string_view arn);

}  // namespace cachey::origin
