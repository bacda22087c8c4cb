#include "origin/environment.h"

#include <cstdlib>

#include "base/ascii.h"

namespace cachey::origin {

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string first_set(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const std::optional<std::string> value = environment(name);
    if (!value) continue;
    const std::string_view text = trimmed(*value, kWhiteSpace);
    if (!text.empty()) return std::string(text);
  }
  return {};
}

}  // namespace cachey::origin
