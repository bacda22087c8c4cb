#pragma once

#include <algorithm>
#include <string_view>

#include "base/ascii.h"

namespace cachey::origin {

/// Whether `name` can be the name of a field (RFC 9110 5.6.2). Pure.
[[nodiscard]] constexpr bool is_token(std::string_view name) {
  constexpr auto kFits = [](char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  };
  return !name.empty() && std::ranges::all_of(name, kFits);
}

/// Whether `a` and `b` are equal but for the case of A-Z. Pure.
[[nodiscard]] constexpr bool is_same_name(std::string_view a, std::string_view b) {
  constexpr auto kLower = [](char c) { return is_upper(c) ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, kLower, kLower);
}

}  // namespace cachey::origin
