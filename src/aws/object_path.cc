#include "aws/object_path.h"

#include <optional>
#include <utility>

#include "base/escape.h"

namespace cachey::aws {
namespace {

/// Sets `to` to the decoded text. Nothing: no fault.
std::optional<PathFault> decode(std::string_view text, std::string& to) {
  std::optional<std::string> decoded = percent_decode(text);
  if (!decoded) return PathFault::kBadEscape;
  if (decoded->contains('\0')) return PathFault::kNul;
  if (!is_utf8(*decoded)) return PathFault::kNotUtf8;
  to = std::move(*decoded);
  return std::nullopt;
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
  std::expected<BucketAndKey, PathFault> parsed(std::in_place);
  std::string& bucket = parsed->bucket;
  std::string& key = parsed->key;
  // Decoded first: a signature is over the decoded path, so `%2F` must not differ from a slash.
  if (const auto fault = decode(path.substr(1), bucket)) return std::unexpected(*fault);
  const size_t slash = bucket.find('/');
  if (slash == std::string::npos) return parsed;
  key = std::string(bucket, slash + 1);
  bucket.resize(slash);
  if (key.size() > kKeyBytesMax) return std::unexpected(PathFault::kKeyTooLong);
  return parsed;
}

std::expected<std::string, PathFault> parse_object_key(std::string_view path) {
  if (!path.starts_with('/')) return std::unexpected(PathFault::kNotAbsolute);
  std::expected<std::string, PathFault> key(std::in_place);
  if (const auto fault = decode(path.substr(1), *key)) return std::unexpected(*fault);
  if (key->size() > kKeyBytesMax) return std::unexpected(PathFault::kKeyTooLong);
  return key;
}

}  // namespace cachey::aws
