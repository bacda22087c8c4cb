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

std::expected<std::string, PathFault> decode_key(std::string_view text) {
  std::expected<std::string, PathFault> key = decode(text);
  if (key && key->size() > kKeyBytesMax) return std::unexpected(PathFault::kKeyTooLong);
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
  path.remove_prefix(1);
  const size_t slash = path.find('/');
  std::expected<std::string, PathFault> bucket = decode(path.substr(0, slash));
  if (!bucket) return std::unexpected(bucket.error());
  if (slash == std::string_view::npos) return BucketAndKey(std::move(*bucket), {});
  std::expected<std::string, PathFault> key = decode_key(path.substr(slash + 1));
  if (!key) return std::unexpected(key.error());
  return BucketAndKey(std::move(*bucket), std::move(*key));
}

std::expected<std::string, PathFault> parse_object_key(std::string_view path) {
  if (!path.starts_with('/')) return std::unexpected(PathFault::kNotAbsolute);
  return decode_key(path.substr(1));
}

}  // namespace cachey::aws
