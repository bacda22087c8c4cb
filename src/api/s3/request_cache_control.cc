#include "api/s3/request_cache_control.h"

#include <cstdint>
#include <string>

#include "base/ascii.h"

namespace cachey::api::s3 {
namespace {

/// Takes the text up to the next comma that is not quoted.
std::string_view take_member(std::string_view& line) {
  bool quoted = false;
  size_t size = 0;
  for (; size < line.size(); ++size) {
    if (line[size] == ',' && !quoted) break;
    if (line[size] == '"') quoted = !quoted;
    if (line[size] == '\\' && quoted) ++size;
  }
  size = std::min(size, line.size());
  const std::string_view member = line.substr(0, size);
  line.remove_prefix(std::min(line.size(), size + 1));
  return member;
}

std::string_view without_quotes(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

/// Nothing: it is no number. Too large a number is the largest age.
std::optional<RequestCacheControl::Seconds> parse_age(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  const std::optional<uint32_t> seconds = parse_number<uint32_t>(text);
  if (!seconds) return RequestCacheControl::kAgeMax;
  const std::chrono::seconds age_max = RequestCacheControl::kAgeMax;
  return RequestCacheControl::Seconds(std::min<int64_t>(*seconds, age_max.count()));
}

}  // namespace

void RequestCacheControl::add_pragma(std::string_view value) {
  if (lower_case(trimmed(value)) == "no-cache") allow(Seconds(0));
}

void RequestCacheControl::add(std::string_view line) {
  while (!line.empty()) add_directive(trimmed(take_member(line)));
}

void RequestCacheControl::add_directive(std::string_view directive) {
  const size_t mark = directive.find('=');
  const std::string name = lower_case(trimmed(directive.substr(0, mark)));
  const std::string_view value =
      mark == std::string_view::npos ? "" : trimmed(directive.substr(mark + 1));
  if (name == "no-cache") allow(Seconds(0));
  if (name == "no-store") no_store = true;
  if (name == "only-if-cached") only_if_cached = true;
  if (name == "max-age") allow(parse_age(without_quotes(value)).value_or(Seconds(0)));
}

}  // namespace cachey::api::s3
