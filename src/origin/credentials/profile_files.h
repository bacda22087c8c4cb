#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::origin {

/// The settings of one section: keys in lower case, values trimmed. The lines of a longer value are
/// joined by line feeds; a value with nested settings begins with a line feed.
using Section = std::map<std::string, std::string, std::less<>>;
using Sections = std::map<std::string, Section, std::less<>>;

/// The sections of AWS's config file and credentials file, merged, by name.
struct ProfileFiles {
  Sections profiles;
  Sections sso_sessions;
  Sections services;
};

/// The text of a file. The path is for error texts.
struct ProfileFileText {
  std::string_view path;
  std::string_view text;
};

/// Parses and merges both files. Pure. For each key the credentials file wins, and within a file
/// the last line. `[profile default]` replaces `[default]`. Sections and keys with names that are
/// not allowed in the file are skipped. kBadRequest on a line that is no section, setting,
/// continuation or comment; the text has the line's number, not its content.
[[nodiscard]] Result<ProfileFiles> parse_profile_files(const ProfileFileText& config,
                                                       const ProfileFileText& credentials);

/// The setting `key` nested under `parent`, such as endpoint_url under s3. Empty if not set.
[[nodiscard]] std::string nested_setting(const Section& settings, std::string_view parent,
                                         std::string_view key);

}  // namespace cachey::origin
