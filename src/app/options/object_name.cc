#include "app/options/object_name.h"

namespace cachey::app {

std::optional<ObjectName> parse_object_name(std::string_view text) {
  constexpr std::string_view kScheme = "s3://";
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  const size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size())
    return std::nullopt;
  return ObjectName{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

}  // namespace cachey::app
