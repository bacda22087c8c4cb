#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"

namespace cachey::api {

inline constexpr size_t kKindBytesMax = 64;
/// The ARN of an access point has up to about 150 bytes; bucket names of before 2018 have up to
/// 255.
inline constexpr size_t kBucketBytesMax = 255;

/// Checks the name of a kind or a bucket: 1 to kKindBytesMax or kBucketBytesMax bytes of UTF-8
/// without control characters. kBadRequest names the broken rule after `what`, as in `kind: must be
/// UTF-8`.
[[nodiscard]] Result<void> check_kind_name(std::string_view what, std::string_view name);
[[nodiscard]] Result<void> check_bucket_name(std::string_view what, std::string_view name);

/// Whether a segment of the key is `.` or `..`. In path style the bucket is the first segment of
/// the request's path, so a store (or a proxy before the store) that removes dot segments reads
/// such a path as an object of another bucket (RFC 3986, 5.2.4).
[[nodiscard]] bool has_dot_segment(std::string_view key);

}  // namespace cachey::api
