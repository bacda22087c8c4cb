#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

/// Bucket and key in the path of a request, for the client and for a server. No normalization:
/// `//`, `/./` and `/../` belong to the key. Pure.
namespace cachey::aws {

/// S3's limit, in bytes of UTF-8.
inline constexpr size_t kKeyBytesMax = 1024;

/// The path in the request-target; also the canonical URI of the signature: `base_path`, the bucket
/// unless `bucket` is empty (the host name has it), the key. Bucket and key are percent-encoded
/// once; slashes and dot segments of the key are kept. `base_path` is already encoded and has no
/// final slash.
[[nodiscard]] std::string object_path(std::string_view base_path, std::string_view bucket,
                                      std::string_view key);

struct BucketAndKey {
  std::string bucket;  ///< empty: the path is `/`, or begins with two slashes
  std::string key;     ///< empty: the path is the bucket's

  friend bool operator==(const BucketAndKey&, const BucketAndKey&) = default;
};

enum class PathFault {
  kNotAbsolute,  ///< no slash at the begin
  kBadEscape,    ///< a percent sign without two hex digits
  kNul,
  kNotUtf8,
  kKeyTooLong,  ///< past kKeyBytesMax
};

/// The inverse of object_path() for path style: the first segment is the bucket, the text after its
/// slash is the key. `path` is as on the wire, without the query. Decodes once, before the first
/// slash is searched: paths with the same signature are the same object. `+` stays a plus. Does not
/// check the bucket's name.
[[nodiscard]] std::expected<BucketAndKey, PathFault> parse_object_path(std::string_view path);

/// The same for virtual-host style: the text after the first slash is the key.
[[nodiscard]] std::expected<std::string, PathFault> parse_object_key(std::string_view path);

}  // namespace cachey::aws
