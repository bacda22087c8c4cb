#include "origin/transport/attribute_lines.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/field_lines.h"
#include "origin/transport/token.h"

namespace cachey::origin {
namespace {

/// In the spelling that S3 uses.
constexpr std::string_view kStandardNames[] = {
    "Cache-Control",    "Content-Disposition", "Content-Encoding",
    "Content-Language", "Content-Type",        "Expires",
};

constexpr std::string_view kAmazon = "x-amz-";
/// Behind kAmazon, in lower case.
constexpr std::string_view kAmazonNames[] = {
    "archive-status", "expiration",    "missing-meta", "replication-status",        "restore",
    "storage-class",  "tagging-count", "version-id",   "website-redirect-location",
};
constexpr std::string_view kAmazonFamilies[] = {"meta-", "object-lock-", "server-side-encryption"};
constexpr std::string_view kChecksums = "checksum-";

char lower(char c) { return is_upper(c) ? static_cast<char>(c | 0x20) : c; }

/// Without regard to case; `prefix` is in lower case.
bool begins_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::ranges::equal(text.substr(0, prefix.size()), prefix, {}, lower);
}

/// Empty: no standard attribute.
std::string_view standard_name(std::string_view name) {
  const auto found = std::ranges::find_if(
      kStandardNames, [name](std::string_view known) { return is_same_name(name, known); });
  return found == std::end(kStandardNames) ? std::string_view() : *found;
}

/// `rest`: what stands behind kAmazon.
bool is_amazon_attribute(std::string_view rest) {
  return std::ranges::any_of(kAmazonFamilies,
                             [rest](std::string_view begin) { return begins_with(rest, begin); }) ||
         std::ranges::any_of(kAmazonNames,
                             [rest](std::string_view known) { return is_same_name(rest, known); });
}

/// Whether a name with this first letter may be an attribute's. Most fields stop here.
bool may_begin(char first) {
  switch (lower(first)) {
    case 'c':
    case 'e':
    case 'x':
      return true;
    default:
      return false;
  }
}

std::string_view name_of(std::string_view line) { return line.substr(0, line.find(':')); }

/// The same lines in the order of their names.
std::string sorted(std::string_view text) {
  std::vector<FieldLine> lines;
  std::string_view left = text;
  while (const std::optional<FieldLine> line = take_field_line(left)) lines.push_back(*line);
  std::ranges::sort(lines, {}, [](const FieldLine& line) {
    return std::pair(line.name, line.name.data());  // equal names stay in their order
  });
  std::string in_order;
  in_order.reserve(text.size());
  for (const FieldLine& line : lines) in_order += line.whole;
  return in_order;
}

}  // namespace

void AttributeLines::take(std::string_view name, std::string_view value) {
  if (name.empty() || !may_begin(name.front())) return;
  const std::string_view spelling = standard_name(name);
  Lines* lines = &lines_;
  if (spelling.empty()) {
    if (!begins_with(name, kAmazon) || !is_token(name)) return;
    const std::string_view rest = name.substr(kAmazon.size());
    if (begins_with(rest, kChecksums)) {
      lines = &checksum_lines_;
    } else if (!is_amazon_attribute(rest)) {
      return;
    }
  }
  add(*lines, spelling, name, value);
}

void AttributeLines::add(Lines& lines, std::string_view spelling, std::string_view name,
                         std::string_view value) {
  constexpr size_t kMarks = std::string_view(": \r\n").size();
  const size_t bytes = name.size() + value.size() + kMarks;
  const size_t before = lines_.text.size() + checksum_lines_.text.size();
  too_large_ = too_large_ || before + bytes > ObjectAttributes::kBytesMax;
  if (too_large_) return;
  std::string& text = lines.text;
  const size_t begin = text.size();
  text.reserve(begin + bytes);
  if (spelling.empty()) {
    std::ranges::transform(name, std::back_inserter(text), lower);
  } else {
    text.append(spelling);
  }
  const std::string_view all = text;
  if (name_of(all.substr(lines.last)) > all.substr(begin)) lines.in_order = false;
  text.append(": ").append(value).append("\r\n");
  lines.last = begin;
  last_ = &lines;
}

void AttributeLines::drop_line() {
  if (last_ == nullptr) return;
  last_->text.resize(last_->last);
  last_->last = 0;
  last_->in_order = false;  // not known
  last_ = nullptr;
}

std::string AttributeLines::finish(Lines lines) {
  return lines.in_order ? std::move(lines.text) : sorted(lines.text);
}

ObjectAttributes AttributeLines::finish() {
  if (too_large_) return ObjectAttributes::make_too_large();
  return {finish(std::move(lines_)), finish(std::move(checksum_lines_))};
}

}  // namespace cachey::origin
