#include "origin/credentials/environment_credentials.h"

#include "base/ascii.h"

namespace cachey::origin {
namespace {

/// The unchanged value; empty if it is blank.
std::string value_of(const Environment& environment, const char* name) {
  const std::optional<std::string> value = environment(name);
  if (!value || trimmed(*value, kWhiteSpace).empty()) return {};
  return *value;
}

}  // namespace

Result<aws::CredentialsPtr> credentials_from_environment(const Environment& environment) {
  aws::Keys keys;
  keys.access_key_id = value_of(environment, "AWS_ACCESS_KEY_ID");
  keys.secret_access_key = value_of(environment, "AWS_SECRET_ACCESS_KEY");
  if (keys.secret_access_key.empty())
    keys.secret_access_key = value_of(environment, "SECRET_ACCESS_KEY");
  keys.session_token = value_of(environment, "AWS_SESSION_TOKEN");
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return nullptr;
  return aws::make_credentials(std::move(keys), "environment");
}

}  // namespace cachey::origin
