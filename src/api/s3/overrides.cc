#include "api/s3/overrides.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/field_lines.h"

namespace cachey::api::s3 {
namespace {

struct Override {
  std::string_view parameter;
  std::string_view field;
};

constexpr std::array<Override, 6> kOverrides = {{
    {"response-cache-control", "Cache-Control"},
    {"response-content-disposition", "Content-Disposition"},
    {"response-content-encoding", "Content-Encoding"},
    {"response-content-language", "Content-Language"},
    {"response-content-type", "Content-Type"},
    {"response-expires", "Expires"},
}};

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// The lines that `keep` returns true for, by their names.
template <typename Keep>
std::string kept(std::string_view lines, Keep keep) {
  std::string result;
  while (const std::optional<FieldLine> line = take_field_line(lines)) {
    if (keep(line->name)) result += line->whole;
  }
  return result;
}

}  // namespace

std::expected<ResponseOverrides, const aws::ErrorCode*> ResponseOverrides::parse(
    std::span<const aws::NamedValue> parameters) {
  static_assert(kOverrides.size() == kFields);
  ResponseOverrides parsed;
  std::array<bool, kFields> seen{};
  for (const aws::NamedValue& parameter : parameters) {
    if (!parameter.name.starts_with("response-")) continue;
    const auto* found = std::ranges::find(kOverrides, parameter.name, &Override::parameter);
    if (found == kOverrides.end()) continue;
    const auto i = static_cast<size_t>(found - kOverrides.begin());
    if (seen[i]) continue;
    seen[i] = true;
    if (has_control(parameter.value))
      return std::unexpected(aws::find_error_code("InvalidArgument"));
    const std::string_view value = trimmed(parameter.value);
    if (value.empty()) continue;
    parsed.values_[i] = value;
    ++parsed.count_;
  }
  return parsed;
}

std::string ResponseOverrides::applied_to(std::string_view lines) const {
  std::string result = kept(lines, [this](std::string_view name) {
    for (size_t i = 0; i < kFields; ++i) {
      if (!values_[i].empty() && same_name(name, kOverrides[i].field)) return false;
    }
    return true;
  });
  for (size_t i = 0; i < kFields; ++i) {
    if (values_[i].empty()) continue;
    result.append(kOverrides[i].field).append(": ").append(values_[i]).append("\r\n");
  }
  return result;
}

std::string lines_of_not_modified(std::string_view lines) {
  return kept(lines, [](std::string_view name) {
    return same_name(name, "Cache-Control") || same_name(name, "Expires");
  });
}

}  // namespace cachey::api::s3
