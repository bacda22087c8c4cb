#include "origin/credentials/profile_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/log.h"

namespace cachey::origin {
namespace {

constexpr std::string_view kCommentMarks = "#;";

enum class FileKind : uint8_t { kConfig, kCredentials };

bool starts_with_any(std::string_view text, std::string_view characters) {
  return !text.empty() && characters.contains(text.front());
}

/// A section's line without its comment, which may follow any character.
std::string_view without_comment(std::string_view line) {
  return trimmed(line.substr(0, line.find_first_of(kCommentMarks)));
}

/// A setting's line without its comment, which follows a blank.
std::string_view without_spaced_comment(std::string_view line) {
  for (size_t mark = line.find_first_of(kCommentMarks); mark != std::string_view::npos;
       mark = line.find_first_of(kCommentMarks, mark + 1)) {
    if (mark > 0 && kBlanks.contains(line[mark - 1])) return trimmed(line.substr(0, mark));
  }
  return trimmed(line);
}

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || std::string_view("_-/.%@:+").contains(c);
  };
  return !text.empty() && std::ranges::all_of(text, allowed);
}

struct KeyValue {
  std::string key;
  std::string_view value;
};

/// Parses `key = value`. The error says what is wrong.
std::expected<KeyValue, std::string> parse_setting(std::string_view line, std::string_view what) {
  line = without_spaced_comment(trimmed(line));
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    return std::unexpected(fmt::format("Expected an '=' sign defining a {}", what));
  }
  std::string key = lower_case(trimmed(line.substr(0, equals)));
  if (key.empty()) {
    std::string fault = fmt::format("{} did not have a name", what);
    fault.front() = static_cast<char>(fault.front() - 'a' + 'A');
    return std::unexpected(std::move(fault));
  }
  return KeyValue{std::move(key), trimmed(line.substr(equals + 1))};
}

/// Parses one file line by line. Its settings replace those in `files`.
class FileParser {
 public:
  FileParser(FileKind kind, ProfileFiles& files) : kind_(kind), files_(files) {}

  /// The error says what is wrong with the line.
  std::expected<void, std::string> take(std::string_view line) {
    if (trimmed(line).empty() || starts_with_any(line, kCommentMarks)) return {};
    if (line.front() == '[') return take_section(line);
    if (section_ == nullptr) return std::unexpected("Expected a profile definition");
    return starts_with_any(line, kBlanks) ? take_continuation(line) : take_setting(line);
  }

  /// Call once, after the last line.
  void finish() {
    if (plain_default_) files_.profiles.try_emplace("default", std::move(*plain_default_));
  }

 private:
  std::expected<void, std::string> take_section(std::string_view line) {
    line = without_comment(line);
    if (!line.ends_with(']')) return std::unexpected("Profile definition must end with ']'");
    section_ = &section_of(trimmed(line.substr(1, line.size() - 2)));
    value_ = nullptr;
    return {};
  }

  /// The section that takes the settings of the lines that follow.
  Section& section_of(std::string_view name) {
    passed_over_.clear();
    if (kind_ == FileKind::kCredentials) {
      return is_name(name) ? files_.profiles[std::string(name)] : passed_over_;
    }
    if (name == "default") return plain_default_ ? *plain_default_ : plain_default_.emplace();
    const size_t blank = name.find_first_of(kBlanks);
    if (blank == std::string_view::npos) return passed_over_;
    const std::string_view prefix = name.substr(0, blank);
    const std::string_view rest = trimmed(name.substr(blank));
    if (!is_name(rest)) return passed_over_;
    if (prefix == "profile") return files_.profiles[std::string(rest)];
    if (prefix == "sso-session") return files_.sso_sessions[std::string(rest)];
    if (prefix == "services") return files_.services[std::string(rest)];
    return passed_over_;
  }

  std::expected<void, std::string> take_setting(std::string_view line) {
    std::expected<KeyValue, std::string> setting = parse_setting(line, "property");
    if (!setting) return std::unexpected(std::move(setting.error()));
    nested_ = setting->value.empty();
    value_ = is_name(setting->key) ? &(*section_)[std::move(setting->key)] : &passed_over_value_;
    *value_ = setting->value;
    return {};
  }

  std::expected<void, std::string> take_continuation(std::string_view line) {
    if (value_ == nullptr) {
      return std::unexpected("Expected a property definition, found continuation");
    }
    if (nested_) {
      const std::expected<KeyValue, std::string> setting = parse_setting(line, "sub-property");
      if (!setting) return std::unexpected(setting.error());
    }
    value_->push_back('\n');
    value_->append(trimmed(line));
    return {};
  }

  const FileKind kind_;
  ProfileFiles& files_;
  std::optional<Section> plain_default_;  // the config file's `[default]`
  Section passed_over_;
  std::string passed_over_value_;
  Section* section_ = nullptr;    // null before the first section
  std::string* value_ = nullptr;  // the value that a continuation line extends
  bool nested_ = false;
};

/// Removes the first line from `text`, and returns the line without its end: LF, or any CRs and LF.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<void> parse_file(FileKind kind, const ProfileFileText& file, ProfileFiles& files) {
  FileParser parser(kind, files);
  std::string_view rest = without_byte_order_mark(file.text);
  for (size_t number = 1; !rest.empty(); ++number) {
    const std::expected<void, std::string> taken = parser.take(take_line(rest));
    if (!taken) {
      return fail(ErrorKind::kBadRequest,
                  fmt::format("{}, line {}: {}", log::quoted(file.path), number, taken.error()));
    }
  }
  parser.finish();
  return {};
}

}  // namespace

Result<ProfileFiles> parse_profile_files(const ProfileFileText& config,
                                         const ProfileFileText& credentials) {
  ProfileFiles files;
  const Result<void> from_config = parse_file(FileKind::kConfig, config, files);
  if (!from_config) return std::unexpected(from_config.error());
  const Result<void> from_credentials = parse_file(FileKind::kCredentials, credentials, files);
  if (!from_credentials) return std::unexpected(from_credentials.error());
  return files;
}

std::string nested_setting(const Section& settings, std::string_view parent, std::string_view key) {
  const auto found = settings.find(parent);
  if (found == settings.end() || !found->second.starts_with('\n')) return {};
  std::string value;
  std::string_view rest = found->second;
  while (!rest.empty()) {
    const std::expected<KeyValue, std::string> setting = parse_setting(take_line(rest), "setting");
    if (setting && setting->key == key) value = setting->value;
  }
  return value;
}

}  // namespace cachey::origin
