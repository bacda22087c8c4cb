#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

/// An object in the path of a request, as both sides of S3 write it. No normalization: `//`, `/./`
/// and `/../` belong to the key. Pure.
namespace cachey::aws {

/// S3's limit, in bytes of UTF-8.
inline constexpr size_t kKeyBytesMax = 1024;

/// The path of an object in a request-target, which is the canonical URI of its signature too:
/// `base_path`, the bucket unless `bucket` is empty (a bucket in the host name), the key. Every
/// byte of bucket and key is percent-encoded once; slashes and dot segments of the key are kept.
/// `base_path` is encoded already and has no last slash.
[[nodiscard]] std::string object_path(std::string_view base_path, std::string_view bucket,
                                      std::string_view key);

struct BucketAndKey {
  std::string bucket;  ///< empty: the path is `/`
  std::string key;     ///< empty: the path is the bucket's

  friend bool operator==(const BucketAndKey&, const BucketAndKey&) = default;
};

enum class PathFault {
  kNotAbsolute,  ///< does not begin with a slash
  kBadEscape,    ///< a percent sign without two hex digits
  kNul,
  kNotUtf8,
  kKeyTooLong,  ///< past kKeyBytesMax
};

/// The inverse of object_path() for path style: the first segment is the bucket, all after its
/// slash the key. `path` is as on the wire, without the query. Decodes once; `+` stays a plus. Does
/// not check whether a bucket can have this name.
[[nodiscard]] std::expected<BucketAndKey, PathFault> parse_object_path(std::string_view path);

/// The same for a bucket in the host name: all after the first slash is the key.
[[nodiscard]] std::expected<std::string, PathFault> parse_object_key(std::string_view path);

}  // namespace cachey::aws
