#include "aws/object_path.h"

#include "base/escape.h"

namespace cachey::aws {

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

}  // namespace cachey::aws
