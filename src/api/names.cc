#include "api/names.h"

#include <fmt/format.h>

#include "base/escape.h"

namespace cachey::api {

namespace {

Result<void> check_name(std::string_view what, std::string_view name, size_t bytes_max) {
  const auto bad = [what](std::string_view rule) {
    return fail(ErrorKind::kBadRequest, fmt::format("{}: {}", what, rule));
  };
  if (name.empty()) return bad("must not be empty");
  if (name.size() > bytes_max) return bad(fmt::format("must be at most {} bytes", bytes_max));
  if (!is_utf8(name)) return bad("must be UTF-8");
  if (has_control(name)) return bad("must not have control characters");
  return {};
}

}  // namespace

Result<void> check_kind_name(std::string_view what, std::string_view name) {
  return check_name(what, name, kKindBytesMax);
}

Result<void> check_bucket_name(std::string_view what, std::string_view name) {
  return check_name(what, name, kBucketBytesMax);
}

bool has_dot_segment(std::string_view key) {
  while (true) {
    const std::string_view segment = key.substr(0, key.find('/'));
    if (segment == "." || segment == "..") return true;
    if (segment.size() == key.size()) return false;
    key.remove_prefix(segment.size() + 1);
  }
}

}  // namespace cachey::api
