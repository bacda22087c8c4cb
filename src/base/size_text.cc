#include "base/size_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/units.h"

namespace cachey {
namespace {

struct Unit {
  std::string_view name;  // lower case
  uint64_t bytes;
};

constexpr std::array<Unit, 14> kUnits = {{{"", 1},
                                          {"b", 1},
                                          {"k", 1000},
                                          {"kb", 1000},
                                          {"m", 1000'000},
                                          {"mb", 1000'000},
                                          {"g", 1000'000'000},
                                          {"gb", 1000'000'000},
                                          {"t", 1000'000'000'000},
                                          {"tb", 1000'000'000'000},
                                          {"kib", kKiB},
                                          {"mib", kMiB},
                                          {"gib", kGiB},
                                          {"tib", kTiB}}};

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  size_t digits = 0;
  size_t dots = 0;
  while (digits < text.size() &&
         ((text[digits] >= '0' && text[digits] <= '9') || text[digits] == '.')) {
    dots += text[digits] == '.' ? 1 : 0;
    ++digits;
  }
  if (digits == dots || dots > 1 || text.front() == '.' || text[digits - 1] == '.')
    return std::nullopt;
  std::string_view rest = text.substr(digits);
  if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  std::string name;
  for (const char c : rest) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;

  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    if (dots == 0) {
      uint64_t whole = 0;
      if (std::from_chars(text.data(), text.data() + digits, whole).ec != std::errc{})
        return std::nullopt;
      uint64_t bytes = 0;
      if (__builtin_mul_overflow(whole, unit.bytes, &bytes) || bytes > INT64_MAX)
        return std::nullopt;
      return bytes;
    }
    double number = 0;
    if (std::from_chars(text.data(), text.data() + digits, number).ec != std::errc{})
      return std::nullopt;
    const double bytes = std::floor(number * static_cast<double>(unit.bytes));
    if (!(bytes < 0x1.0p63)) return std::nullopt;
    return static_cast<uint64_t>(bytes);
  }
  return std::nullopt;
}

std::string format_size(uint64_t bytes) {
  for (const auto& [name, unit] :
       {std::pair{"TiB", kTiB}, {"GiB", kGiB}, {"MiB", kMiB}, {"KiB", kKiB}}) {
    if (bytes >= unit && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, name);
  }
  return fmt::format("{}", bytes);
}

}  // namespace cachey
