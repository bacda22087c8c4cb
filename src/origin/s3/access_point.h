#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::origin {

/// An S3 access point: `arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME` (or `:NAME`), as it may
/// stand in the place of a bucket's name.
struct AccessPoint {
  std::string region;
  std::string account;
  std::string name;

  friend bool operator==(const AccessPoint&, const AccessPoint&) = default;
};

[[nodiscard]] inline bool is_arn(std::string_view bucket) { return bucket.starts_with("arn:"); }

/// REQUIRES: is_arn(arn). Each part can stand in a host name then. kNotFound where the text is no
/// access point's ARN; kUpstream for ARNs that S3 knows and we do not: multi-region access points,
/// Outposts, Object Lambda.
[[nodiscard]] Result<AccessPoint> parse_access_point(std::string_view arn);

}  // namespace cachey::origin
