#include "origin/credentials/settings.h"

#include <fmt/format.h>
#include <strings.h>

#include <utility>

#include "base/log.h"

namespace cachey::origin {

bool Setting::is(const char* text) const { return ::strcasecmp(value.c_str(), text) == 0; }

Setting Settings::first(std::initializer_list<const char*> variables, const char* key,
                        std::string profile_value) const {
  for (const char* variable : variables) {
    std::string value = first_set(environment_, {variable});
    if (!value.empty()) return {variable, std::move(value)};
  }
  return {fmt::format("{} of profile {}", key, log::quoted(profile_.name())),
          std::move(profile_value)};
}

Setting Settings::get(const char* variable, const char* key) const {
  return first({variable}, key, profile_.get(key));
}

Setting Settings::region() const {
  return first({"AWS_REGION", "AWS_DEFAULT_REGION"}, "region", profile_.region());
}

Setting Settings::endpoint_url(const char* variable, const char* service) const {
  return first({variable, "AWS_ENDPOINT_URL"}, "endpoint_url", profile_.endpoint_url(service));
}

}  // namespace cachey::origin
