#include "api/ui/accepts_gzip.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/ascii.h"

namespace cachey::api {
namespace {

/// The text up to `separator`; removes both from `rest`.
std::string_view take_part(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return trimmed(part);
}

/// Whether the parameters of a coding have no weight of zero.
bool has_weight(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string parameter = lower_case(take_part(parameters, ';'));
    if (!parameter.starts_with("q=")) continue;
    const std::string_view weight = std::string_view(parameter).substr(2);
    return weight.find_first_not_of("0123456789.") == std::string_view::npos &&
           weight.find_first_of("123456789") != std::string_view::npos;
  }
  return true;
}

}  // namespace

bool accepts_gzip(std::span<const net::Field> fields) {
  std::optional<bool> named;
  std::optional<bool> any;
  for (const net::Field& field : fields) {
    if (field.name != "accept-encoding") continue;
    std::string_view list = field.value;
    while (!list.empty()) {
      std::string_view element = take_part(list, ',');
      const std::string coding = lower_case(take_part(element, ';'));
      if (coding == "gzip" || coding == "x-gzip") named = has_weight(element);
      if (coding == "*") any = has_weight(element);
    }
  }
  return named.value_or(any.value_or(false));
}

}  // namespace cachey::api
