#include "api/fetch/preconditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "base/http_date.h"

namespace cachey::api {

using cache::Verdict;

namespace {

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

}  // namespace

Preconditions::Preconditions(const net::Request& request) {
  size_t unmodified_lines = 0;
  size_t modified_lines = 0;
  for (const net::Field& field : request.fields()) {
    if (field.name == "if-match") {
      add_tags(field.value, if_match_);
    } else if (field.name == "if-none-match") {
      add_tags(field.value, if_none_match_);
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

/// Adds the members of a line. What is no tag matches nothing, and ends the line.
void Preconditions::add_tags(std::string_view line, std::optional<Tags>& tags) {
  if (!tags) tags = Tags{false, {}};
  std::string_view rest = trimmed(line);
  if (rest == "*") {
    tags->any = true;
    return;
  }
  while (!rest.empty()) {
    if (rest.front() == ',' || kBlanks.contains(rest.front())) {
      rest.remove_prefix(1);
      continue;
    }
    const std::optional<Tag> tag = take_tag(rest);
    if (!tag) return;
    tags->tags.push_back(*tag);
  }
}

/// Takes one tag off `rest`, which is not empty. Nothing: there is none.
std::optional<Preconditions::Tag> Preconditions::take_tag(std::string_view& rest) {
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

bool Preconditions::matches(const Tags& tags, const ObjectInfo& version, Comparison how) {
  if (tags.any) return true;
  if (version.etag.empty()) return false;
  std::string_view own = version.etag;
  const std::optional<Tag> known = take_tag(own);
  if (!known) return false;
  return std::ranges::any_of(tags.tags, [&](const Tag& tag) {
    if (how == Comparison::kStrong && (tag.weak || known->weak)) return false;
    return tag.opaque == known->opaque;
  });
}

/// A date must be the very time of the version; a weak tag never holds (RFC 9110 13.1.5).
bool Preconditions::if_range_holds(const ObjectInfo& version) const {
  if (if_range_repeated_) return false;
  if (const std::optional<int64_t> date = parse_date(*if_range_)) {
    return version.last_modified != 0 && version.last_modified == *date;
  }
  std::string_view rest = *if_range_;
  if (rest.empty()) return false;
  const std::optional<Tag> tag = take_tag(rest);
  if (!tag || !rest.empty()) return false;
  Tags one;
  one.tags.push_back(*tag);
  return matches(one, version, Comparison::kStrong);
}

Verdict Preconditions::judge(const ObjectInfo& version) const {
  const bool dated = version.last_modified != 0;
  if (if_match_) {
    if (!matches(*if_match_, version, Comparison::kStrong)) return Verdict::kFails;
  } else if (unmodified_since_ && dated && version.last_modified > *unmodified_since_) {
    return Verdict::kFails;
  }
  if (if_none_match_) {
    if (matches(*if_none_match_, version, Comparison::kWeak)) return Verdict::kNotModified;
  } else if (modified_since_ && dated && version.last_modified <= *modified_since_) {
    return Verdict::kNotModified;
  }
  if (if_range_ && !if_range_holds(version)) return Verdict::kFails;
  return Verdict::kHolds;
}

}  // namespace cachey::api
