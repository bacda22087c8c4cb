#include "aws/object_path.h"

#include <optional>
#include <utility>

#include "base/escape.h"

namespace cachey::aws {
namespace {

std::expected<std::string, PathFault> decode(std::string_view text) {
  std::optional<std::string> decoded = percent_decode(text);
  if (!decoded) return std::unexpected(PathFault::kBadEscape);
  if (decoded->contains('\0')) return std::unexpected(PathFault::kNul);
  if (!is_utf8(*decoded)) return std::unexpected(PathFault::kNotUtf8);
  return std::move(*decoded);
}

std::expected<std::string, PathFault> check_key(std::string key) {
  if (key.size() > kKeyBytesMax) return std::unexpected(PathFault::kKeyTooLong);
  return key;
}

}  // namespace

std::string object_path(std::string_view base_path, std::string_view bucket, std::string_view key) {
  std::string path(base_path);
  if (!bucket.empty()) {
    path += '/';
    percent_encode(bucket, Slashes::kEscape, path);
  }
  path += '/';
  percent_encode(key, Slashes::kKeep, path);
  return path;
}

std::expected<BucketAndKey, PathFault> parse_object_path(std::string_view path) {
  if (!path.starts_with('/')) return std::unexpected(PathFault::kNotAbsolute);
  // Decoded first: a signature is over the decoded path, so `%2F` must not differ from a slash.
  std::expected<std::string, PathFault> decoded = decode(path.substr(1));
  if (!decoded) return std::unexpected(decoded.error());
  const size_t slash = decoded->find('/');
  if (slash == std::string::npos) return BucketAndKey(std::move(*decoded), {});
  std::string bucket = decoded->substr(0, slash);
  decoded->erase(0, slash + 1);
  std::expected<std::string, PathFault> key = check_key(std::move(*decoded));
  if (!key) return std::unexpected(key.error());
  return BucketAndKey(std::move(bucket), std::move(*key));
}

std::expected<std::string, PathFault> parse_object_key(std::string_view path) {
  if (!path.starts_with('/')) return std::unexpected(PathFault::kNotAbsolute);
  std::expected<std::string, PathFault> key = decode(path.substr(1));
  return key ? check_key(std::move(*key)) : key;
}

}  // namespace cachey::aws
