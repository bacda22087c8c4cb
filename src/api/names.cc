#include "api/names.h"

#include <fmt/format.h>

#include "base/escape.h"

namespace cachey::api {

Result<void> check_name(std::string_view what, std::string_view name) {
  const auto bad = [what](std::string_view rule) {
    return fail(ErrorKind::kBadRequest, fmt::format("{}: {}", what, rule));
  };
  if (name.empty()) return bad("must not be empty");
  if (name.size() > kNameBytesMax) return bad("must be at most 64 bytes");
  if (!is_utf8(name)) return bad("must be UTF-8");
  if (has_control(name)) return bad("must not have control characters");
  return {};
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
