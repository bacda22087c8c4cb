#include "origin/credentials/profile.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/escape.h"
#include "base/log.h"

namespace cachey::origin {
namespace {

struct ProfileFile {
  const char* variable;
  const char* default_path;
};
constexpr ProfileFile kConfigFile{"AWS_CONFIG_FILE", "~/.aws/config"};
constexpr ProfileFile kCredentialsFile{"AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"};

/// `~` and `~/...` under HOME; empty if HOME is not set.
std::string expand_home(const std::string& path, const Environment& environment) {
  if (path != "~" && !path.starts_with("~/")) return path;
  const std::string home = first_set(environment, {"HOME"});
  return home.empty() ? std::string() : home + path.substr(1);
}

struct Loaded {
  std::string path;
  std::string text;
};

Result<Loaded> load(const ProfileFile& file, const Environment& environment,
                    const FileReader& read_file) {
  const std::string chosen = first_set(environment, {file.variable});
  Loaded loaded;
  loaded.path = expand_home(chosen.empty() ? file.default_path : chosen, environment);
  if (loaded.path.empty()) {
    if (!chosen.empty()) {
      log::warn("a settings file is passed over",
                {{"variable", file.variable}, {"reason", "HOME is not set"}});
    }
    return loaded;
  }
  Result<std::string> text = read_file(loaded.path, kProfileFileBytesMax + 1);
  if (!text) {
    if (!chosen.empty() || text.error().kind() != ErrorKind::kNotFound) {
      log::warn("a settings file is passed over",
                {{"path", loaded.path}, {"reason", text.error().message()}});
    }
    return loaded;
  }
  if (text->size() > kProfileFileBytesMax) {
    return fail(
        ErrorKind::kBadRequest,
        fmt::format("{} is longer than {} bytes", log::quoted(loaded.path), kProfileFileBytesMax));
  }
  if (!is_utf8(*text)) {
    log::warn("a settings file is passed over",
              {{"path", loaded.path}, {"reason", "it is not UTF-8"}});
    return loaded;
  }
  loaded.text = std::move(*text);
  return loaded;
}

std::string value_of(const Section& settings, std::string_view key) {
  const auto found = settings.find(key);
  return found == settings.end() ? std::string() : found->second;
}

}  // namespace

std::string Profile::get(std::string_view key) const {
  const auto profile = files_.profiles.find(name_);
  return profile == files_.profiles.end() ? std::string() : value_of(profile->second, key);
}

std::string Profile::region() const {
  std::set<std::string> seen;
  std::string name = name_;
  while (seen.insert(name).second) {
    const auto profile = files_.profiles.find(name);
    if (profile == files_.profiles.end()) return {};
    std::string region = value_of(profile->second, "region");
    if (!region.empty()) return region;
    name = value_of(profile->second, "source_profile");
  }
  return {};
}

std::string Profile::endpoint_url(std::string_view service) const {
  const auto services = files_.services.find(get("services"));
  if (services != files_.services.end()) {
    std::string url = nested_setting(services->second, service, "endpoint_url");
    if (!url.empty()) return url;
  }
  return get("endpoint_url");
}

Result<Profile> load_profile(const Environment& environment, const FileReader& read_file) {
  const Result<Loaded> config = load(kConfigFile, environment, read_file);
  if (!config) return std::unexpected(config.error());
  const Result<Loaded> credentials = load(kCredentialsFile, environment, read_file);
  if (!credentials) return std::unexpected(credentials.error());
  Result<ProfileFiles> files =
      parse_profile_files({config->path, config->text}, {credentials->path, credentials->text});
  if (!files) return std::unexpected(files.error());

  const std::string chosen = first_set(environment, {"AWS_PROFILE"});
  Profile profile(chosen.empty() ? "default" : chosen, std::move(*files));
  if (!chosen.empty() && !profile.exists()) {
    log::warn("AWS_PROFILE is passed over",
              {{"profile", chosen},
               {"reason",
                "there is no such profile (in the config file its section is [profile NAME], in "
                "the credentials file [NAME])"}});
  }
  return profile;
}

}  // namespace cachey::origin
