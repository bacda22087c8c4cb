#pragma once

#include <initializer_list>
#include <string>

#include "origin/credentials/profile.h"
#include "origin/environment.h"

namespace cachey::origin {

/// A setting of AWS's SDKs.
struct Setting {
  std::string name;   ///< for messages: the variable, or `KEY of profile "NAME"`
  std::string value;  ///< empty: not set

  [[nodiscard]] bool is_set() const { return !value.empty(); }
  /// Compares the value with `text`, ignoring case.
  [[nodiscard]] bool is(const char* text) const;
};

/// The settings of AWS's SDKs: the environment variable, else the profile's setting. An empty value
/// counts as not set. `environment` and `profile` outlive the object.
class Settings {
 public:
  Settings(const Environment& environment, const Profile& profile)
      : environment_(environment), profile_(profile) {}

  [[nodiscard]] Setting get(const char* variable, const char* key) const;
  /// AWS_REGION, AWS_DEFAULT_REGION, else Profile::region().
  [[nodiscard]] Setting region() const;
  /// `variable`, such as AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else Profile::endpoint_url().
  [[nodiscard]] Setting endpoint_url(const char* variable, const char* service) const;

 private:
  [[nodiscard]] Setting first(std::initializer_list<const char*> variables, const char* key,
                              std::string profile_value) const;

  const Environment& environment_;
  const Profile& profile_;
};

}  // namespace cachey::origin
