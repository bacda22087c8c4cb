#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::origin {

/// The settings of one section: keys in lower case, values trimmed. A value that goes on over more
/// lines has them joined by line feeds; a nested one begins with a line feed.
using Section = std::map<std::string, std::string, std::less<>>;
using Sections = std::map<std::string, Section, std::less<>>;

/// What the AWS config file and the AWS credentials file say together, by name.
struct ProfileFiles {
  Sections profiles;
  Sections sso_sessions;
  Sections services;
};

/// A file as it was read. The path is for error texts.
struct ProfileFileText {
  std::string_view path;
  std::string_view text;
};

/// Parses and merges both files. Pure. For each key the credentials file wins, within a file what
/// comes last; `[profile default]` replaces `[default]`. Sections and keys whose names are not
/// allowed, or not in that file, are passed over. Fails (kBadRequest) on a line that is no section,
/// setting, continuation or comment, naming the line but nothing of what it holds.
[[nodiscard]] Result<ProfileFiles> parse_profile_files(const ProfileFileText& config,
                                                       const ProfileFileText& credentials);

/// The setting `key` nested under `parent`, such as endpoint_url under s3. Empty where there is
/// none.
[[nodiscard]] std::string nested_setting(const Section& settings, std::string_view parent,
                                         std::string_view key);

}  // namespace cachey::origin
