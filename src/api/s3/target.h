#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/operation.h"
#include "api/s3/virtual_hosts.h"
#include "aws/canonical_request.h"
#include "aws/error_codes.h"
#include "net/http/http.h"

namespace cachey::api::s3 {

/// S3's limit. With more bytes a name is not a label of a host name.
inline constexpr size_t kBucketNameBytesMax = 63;

/// Letters, digits, `.`, `-` and `_`, a letter or digit first, no `..`, at most
/// kBucketNameBytesMax: S3's rules of today and those for old buckets, and names of directories. So
/// `-` is no bucket, and neither is an ARN.
[[nodiscard]] bool is_bucket_name(std::string_view name);

/// What a request names. Texts are decoded once and not normalized.
struct Target {
  Operation operation = Operation::kOther;
  std::string bucket;  ///< satisfies is_bucket_name(); empty: kListBuckets, kOther
  std::string key;     ///< at most aws::kKeyBytesMax of UTF-8; empty: the operation has no object
  /// The query's parameters in order, decoded; `+` stays a plus, `k` is `k=`.
  std::vector<aws::NamedValue> parameters;

  /// The value of the first parameter of this name.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};

/// Finds operation, bucket and key of a request: in virtual-host style if `hosts` has a bucket for
/// the request's Host, else in path style, where `/bucket` and `/bucket/` are the bucket.
///
/// Unknown parameters do not matter. A known sub-resource is never another operation: GET and HEAD
/// of one that S3 does not have for the bucket or object, of two at once, or with another value
/// than S3's are kOtherRead. Names of parameters are case-sensitive. The signature's own parameters
/// (`X-Amz-*`, `AWSAccessKeyId`, `Signature`, `Expires`) are not looked at.
///
/// Of other methods than GET and HEAD nothing is parsed: such a request is refused whatever its
/// target is. The error is the code of S3's answer: InvalidURI, InvalidBucketName, KeyTooLongError.
[[nodiscard]] std::expected<Target, const aws::ErrorCode*> parse_target(const net::Request& request,
                                                                        const VirtualHosts& hosts);

/// Whether `name` is a parameter that makes a request another operation. Decoded, case-sensitive.
[[nodiscard]] bool is_subresource(std::string_view name);

}  // namespace cachey::api::s3
