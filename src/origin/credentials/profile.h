#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/read_file.h"
#include "origin/credentials/profile_files.h"
#include "origin/environment.h"

namespace cachey::origin {

/// A longer config or credentials file is refused. Usual files have a few KiB.
inline constexpr size_t kProfileFileBytesMax = size_t{1} << 20;

/// The selected profile, and the rest of the files. Immutable. Holds secrets: only names are
/// logged, and no object outlives a search or the start.
class Profile {
 public:
  /// A profile without settings.
  Profile() = default;
  Profile(std::string name, ProfileFiles files)
      : name_(std::move(name)), files_(std::move(files)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool exists() const { return files_.profiles.contains(name_); }

  /// The profile's own setting; empty if not set.
  [[nodiscard]] std::string get(std::string_view key) const;
  /// The profile's `region`, else the region of its `source_profile`, and so on.
  [[nodiscard]] std::string region() const;
  /// The endpoint_url for `service`, such as s3, in the profile's `services` section, else the
  /// profile's own endpoint_url.
  [[nodiscard]] std::string endpoint_url(std::string_view service) const;
  /// All profiles of the files, by name.
  [[nodiscard]] const Sections& all() const { return files_.profiles; }

 private:
  std::string name_;
  ProfileFiles files_;
};

/// The profile AWS_PROFILE, else `default`, of the files AWS_CONFIG_FILE (~/.aws/config) and
/// AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials); `~` is HOME. A file that is missing, cannot be
/// read or is not UTF-8 counts as empty. A profile that is in neither file has no settings. A
/// warning says so, unless a file or profile is missing that no variable names. kBadRequest if a
/// file is too long or breaks the format.
[[nodiscard]] Result<Profile> load_profile(const Environment& environment,
                                           const FileReader& read_file);

}  // namespace cachey::origin
