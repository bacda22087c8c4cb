#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

namespace cachey {

/// One of the lines `Name: value\r\n` that ObjectAttributes and heads of responses have.
struct FieldLine {
  std::string_view name;
  std::string_view value;
  std::string_view whole;  ///< with its end
};

/// Whether `value` cannot stand in a field: control characters other than tabs end a line, or are
/// refused (RFC 9110 5.5).
[[nodiscard]] constexpr bool breaks_line(std::string_view value) {
  return std::ranges::any_of(value, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

/// Takes the first line off the front of `lines`, which are whole lines. Nothing: none is left.
[[nodiscard]] constexpr std::optional<FieldLine> take_field_line(std::string_view& lines) {
  const size_t end = lines.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = lines.substr(0, end);
  const size_t colon = line.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  FieldLine taken{line.substr(0, colon), line.substr(colon + 2), lines.substr(0, end + 2)};
  lines.remove_prefix(end + 2);
  return taken;
}

}  // namespace cachey
