#include "net/http/masked_target.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace cachey::net {
namespace {

constexpr std::string_view kSecrets[] = {
    "awsaccesskeyid",
    "signature",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-signature",
};

/// A character of a target, or an escape of one.
struct Unit {
  std::string_view text;  // as it stands in the target
  char meaning;           // in lower case

  [[nodiscard]] bool separates() const { return meaning == '?' || meaning == '&'; }
};

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// Takes the first unit of `rest`, also of an escape that was escaped again (`%2526`). REQUIRES:
/// `rest` is not empty.
Unit take_unit(std::string_view& rest) {
  size_t size = 1;
  char meaning = rest.front();
  if (meaning == '%') {
    while (rest.substr(size).starts_with("25")) size += 2;
    const auto high = rest.size() > size + 1 ? hex_digit(rest[size]) : std::nullopt;
    const auto low = rest.size() > size + 1 ? hex_digit(rest[size + 1]) : std::nullopt;
    size = high && low ? size + 2 : 1;
    if (high && low) meaning = static_cast<char>(*high * 16 + *low);
  }
  if (is_upper(meaning)) meaning = static_cast<char>(meaning - 'A' + 'a');
  const Unit unit{rest.substr(0, size), meaning};
  rest.remove_prefix(size);
  return unit;
}

}  // namespace

std::string masked_target(std::string_view target) {
  std::string masked;
  std::string name;
  bool in_name = true;
  bool hidden = false;
  while (!target.empty()) {
    const Unit unit = take_unit(target);
    if (unit.separates()) {
      in_name = true;
      hidden = false;
      name.clear();
    }
    if (!hidden) masked += unit.text;
    if (!in_name || unit.separates()) continue;
    if (unit.meaning != '=') {
      name += unit.meaning;
      continue;
    }
    in_name = false;
    hidden = std::ranges::find(kSecrets, name) != std::end(kSecrets);
    if (hidden) masked += "***";
  }
  return masked;
}

}  // namespace cachey::net
