#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "origin/credentials/profile_files.h"

using cachey::origin::nested_setting;
using cachey::origin::parse_profile_files;
using cachey::origin::ProfileFileText;
using cachey::origin::Sections;

namespace {

void check_names(const Sections& sections) {
  for (const auto& [name, settings] : sections) {
    CHECK(!name.empty() && name.find_first_of(" \t\r\n[]=#;") == std::string::npos);
    for (const auto& [key, value] : settings) {
      CHECK(!key.empty() && key.find_first_of(" \t\r\n[]=#;") == std::string::npos);
      for (const char c : key) CHECK(c < 'A' || c > 'Z');
      const std::string nested = nested_setting(settings, key, "endpoint_url");
      CHECK(nested.size() <= value.size() && nested.find('\n') == std::string::npos);
    }
  }
}

}  // namespace

/// The text before the first zero byte is the config file, the rest the credentials file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const ProfileFileText config{"config", input.substr(0, zero)};
  const ProfileFileText credentials{"credentials",
                                    zero == std::string_view::npos ? "" : input.substr(zero + 1)};
  const auto files = parse_profile_files(config, credentials);
  if (!files) {
    CHECK(files.error().message().size() < 256);
    for (const char c : files.error().message()) CHECK(c >= 0x20 && c < 0x7f);
    return 0;
  }
  check_names(files->profiles);
  check_names(files->sso_sessions);
  check_names(files->services);
  return 0;
}
