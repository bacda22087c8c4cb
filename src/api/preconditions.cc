#include "api/preconditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "base/http_date.h"

namespace cachey::api {

using cache::Verdict;

namespace {

constexpr std::string_view kIfMatch = "if-match";
constexpr std::string_view kIfNoneMatch = "if-none-match";

/// A date in one of the three forms of RFC 9110 5.6.7.
std::optional<int64_t> parse_date(std::string_view text) {
  if (const std::optional<int64_t> date = parse_http_date(text)) return date;
  std::string fixed;
  if (const size_t comma = text.find(", "); comma != std::string_view::npos) {
    // Sunday, 06-Nov-94 08:49:37 GMT
    const std::string_view rest = text.substr(comma + 2);
    if (rest.size() != 22 || rest[2] != '-' || rest[6] != '-') return std::nullopt;
    const std::string_view year = rest.substr(7, 2);
    fixed = fmt::format("Day, {} {} {}{} {}", rest.substr(0, 2), rest.substr(3, 3),
                        year < "70" ? "20" : "19", year, rest.substr(10));
  } else if (text.size() == 24) {  // Sun Nov  6 08:49:37 1994
    const char tens = text[8] == ' ' ? '0' : text[8];
    fixed = fmt::format("Day, {}{} {} {} {} GMT", tens, text[9], text.substr(4, 3), text.substr(20),
                        text.substr(11, 8));
  }
  return parse_http_date(fixed);
}

/// An entity tag.
struct Tag {
  std::string_view opaque;  // without quotes
  bool weak = false;
};

/// Takes one tag off `rest`, which is not empty. Nothing: there is none.
std::optional<Tag> take_tag(std::string_view& rest) {
  Tag tag;
  std::string_view text = rest;
  if (is_weak_tag(text)) {
    tag.weak = true;
    text.remove_prefix(2);
  }
  if (text.starts_with('"')) {
    const size_t end = text.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    tag.opaque = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    const size_t next = text.find_first_not_of(kBlanks);
    if (next != std::string_view::npos && text[next] != ',') return std::nullopt;
  } else {
    tag.opaque = trimmed(text.substr(0, text.find(',')));
    if (tag.opaque.contains('"')) return std::nullopt;
    text.remove_prefix(std::min(text.find(','), text.size()));
  }
  rest = text;
  return tag;
}

/// Takes the next member off a list. What is no tag matches nothing, and ends the list.
std::optional<Tag> next_tag(std::string_view& list) {
  list.remove_prefix(std::min(list.find_first_not_of(", \t"), list.size()));
  return list.empty() ? std::nullopt : take_tag(list);
}

std::optional<Tag> tag_of(const ObjectInfo& version) {
  std::string_view text = version.etag;
  return text.empty() ? std::nullopt : take_tag(text);
}

bool equal(const Tag& a, const Tag& b, bool strongly) {
  return a.opaque == b.opaque && !(strongly && (a.weak || b.weak));
}

}  // namespace

Preconditions::Preconditions(const net::Request& request, IfRange if_range)
    : fields_(request.fields()), what_if_range_means_(if_range) {
  size_t unmodified_lines = 0;
  size_t modified_lines = 0;
  for (const net::Field& field : fields_) {
    if (!field.name.starts_with("if-")) continue;
    if (field.name == kIfMatch) {
      has_if_match_ = true;
    } else if (field.name == kIfNoneMatch) {
      has_if_none_match_ = true;
    } else if (field.name == "if-unmodified-since") {
      unmodified_since_ = ++unmodified_lines == 1 ? parse_date(field.value) : std::nullopt;
    } else if (field.name == "if-modified-since") {
      modified_since_ = ++modified_lines == 1 ? parse_date(field.value) : std::nullopt;
    } else if (field.name == "if-range") {
      if_range_repeated_ = if_range_.has_value();
      if_range_ = field.value;
    }
  }
}

bool Preconditions::lists_star(std::string_view name) const {
  return std::ranges::any_of(fields_, [name](const net::Field& field) {
    return field.name == name && trimmed(field.value) == "*";
  });
}

/// A tag in one of the lines is the version's.
bool Preconditions::matches(std::string_view name, const ObjectInfo& version,
                            Comparison how) const {
  const std::optional<Tag> known = tag_of(version);
  if (!known) return false;
  for (const net::Field& field : fields_) {
    if (field.name != name) continue;
    std::string_view list = field.value;
    while (const std::optional<Tag> tag = next_tag(list)) {
      if (equal(*tag, *known, how == Comparison::kStrong)) return true;
    }
  }
  return false;
}

bool Preconditions::names(const ObjectInfo& version) const {
  return has_if_match_ && matches(kIfMatch, version, Comparison::kStrong);
}

/// A date must be the very time of the version; a weak tag never holds (RFC 9110 13.1.5).
bool Preconditions::range_holds(const ObjectInfo& version) const {
  if (!if_range_) return true;
  if (if_range_repeated_) return false;
  if (const std::optional<int64_t> date = parse_date(*if_range_)) {
    return version.last_modified != 0 && version.last_modified == *date;
  }
  std::string_view rest = *if_range_;
  if (rest.empty()) return false;
  const std::optional<Tag> tag = take_tag(rest);
  const std::optional<Tag> known = tag_of(version);
  return tag && known && rest.empty() && equal(*tag, *known, /*strongly=*/true);
}

std::string_view Preconditions::failed_field(const ObjectInfo& version) const {
  const bool dated = version.last_modified != 0;
  if (has_if_match_) {
    if (!lists_star(kIfMatch) && !names(version)) return "If-Match";
  } else if (unmodified_since_ && dated && version.last_modified > *unmodified_since_) {
    return "If-Unmodified-Since";
  }
  return {};
}

Verdict Preconditions::judge(const ObjectInfo& version) const {
  if (!failed_field(version).empty()) return Verdict::kFails;
  if (has_if_none_match_) {
    if (lists_star(kIfNoneMatch) || matches(kIfNoneMatch, version, Comparison::kWeak))
      return Verdict::kNotModified;
  } else if (modified_since_ && version.last_modified != 0 &&
             version.last_modified <= *modified_since_) {
    return Verdict::kNotModified;
  }
  const bool fails = what_if_range_means_ == IfRange::kFails && !range_holds(version);
  return fails ? Verdict::kFails : Verdict::kHolds;
}

}  // namespace cachey::api
