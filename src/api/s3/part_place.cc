#include "api/s3/part_place.h"

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "origin/content_range.h"

namespace cachey::api::s3 {
namespace {

using Form = PartPlace::Form;

std::string_view unquoted(std::string_view tag) {
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
    return tag.substr(1, tag.size() - 2);
  return tag;
}

/// The value of the first line of this name, which is in lower case. Empty: there is none.
std::string_view value_of(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    const size_t colon = line.find(':');
    if (colon != name.size() || lower_case(line.substr(0, colon)) != name) continue;
    return trimmed(line.substr(colon + 1), kWhiteSpace);
  }
  return {};
}

/// The range that the answer names.
PartPlace read_range(const origin::ContentRange& said, const PartAnswer& answer, uint32_t count) {
  if (!said.range || said.range->empty()) return {};
  if (answer.content_length.value_or(said.range->size()) != said.range->size()) return {};
  return {Form::kRange, *said.range, count};
}

/// The place of a part, if the store tells the length alone: the first part begins at 0.
PartPlace read_length(const PartAnswer& answer, const ObjectInfo& version, uint32_t number,
                      uint32_t count) {
  const uint64_t length = answer.content_length.value_or(0);
  if (count == 0) return length == version.size ? PartPlace{Form::kWhole} : PartPlace{};
  const bool possible = length > 0 && length <= version.size;
  if (number != 1 || !possible || (count == 1 && length != version.size)) return {};
  return {Form::kRange, {0, length}, count};
}

std::unexpected<Error> changed() {
  return fail(ErrorKind::kChanged, "the part is one of another version of the object");
}

}  // namespace

std::optional<uint32_t> parse_part_number(std::string_view text) {
  const std::optional<uint32_t> number = parse_number<uint32_t>(text);
  return number && *number >= 1 && *number <= kPartNumberMax ? number : std::nullopt;
}

std::optional<uint32_t> parts_in_tag(std::string_view etag) {
  const std::string_view tag = unquoted(etag);
  const size_t dash = tag.rfind('-');
  return dash == std::string_view::npos ? std::nullopt : parse_part_number(tag.substr(dash + 1));
}

Result<PartPlace> read_part_answer(const PartAnswer& answer, const ObjectInfo& version,
                                   uint32_t number) {
  if (answer.status == 404 || answer.status == 412) return changed();
  if (answer.status == 403) return fail(ErrorKind::kDenied, "the store refuses the part");
  if (answer.status == 416) return PartPlace{Form::kNone};
  if (answer.status != 200 && answer.status != 206) return PartPlace();
  if (unquoted(value_of(answer.lines, "etag")) != unquoted(version.etag)) return changed();
  const uint32_t count =
      parse_part_number(value_of(answer.lines, "x-amz-mp-parts-count")).value_or(0);
  const std::string_view text = value_of(answer.lines, "content-range");
  if (text.empty()) return read_length(answer, version, number, count);
  const std::optional<origin::ContentRange> said = origin::parse_content_range(text);
  if (!said) return PartPlace();
  if (said->size.value_or(version.size) != version.size) return changed();
  if (said->range && said->range->end > version.size) return changed();
  return read_range(*said, answer, count);
}

}  // namespace cachey::api::s3
