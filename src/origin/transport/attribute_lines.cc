#include "origin/transport/attribute_lines.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/field_lines.h"

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

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_token(std::string_view name) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // RFC 9110 5.6.2
  return std::ranges::all_of(
      name, [](char c) { return is_alphanumeric(c) || kMarks.find(c) != std::string_view::npos; });
}

/// Empty: no standard attribute.
std::string_view standard_name(std::string_view name) {
  const auto found = std::ranges::find_if(
      kStandardNames, [name](std::string_view known) { return same_name(name, known); });
  return found == std::end(kStandardNames) ? std::string_view() : *found;
}

/// `rest`: what stands behind kAmazon.
bool is_amazon_attribute(std::string_view rest) {
  return std::ranges::any_of(kAmazonFamilies,
                             [rest](std::string_view begin) { return begins_with(rest, begin); }) ||
         std::ranges::any_of(kAmazonNames,
                             [rest](std::string_view known) { return same_name(rest, known); });
}

/// The same lines in the order of their names.
std::string sorted(std::string text) {
  constexpr auto kPlace = [](const FieldLine& line) {
    return std::pair(line.name, line.name.data());  // equal names stay in their order
  };
  std::vector<FieldLine> lines;
  std::string_view left = text;
  while (const std::optional<FieldLine> line = take_field_line(left)) lines.push_back(*line);
  if (std::ranges::is_sorted(lines, {}, kPlace)) return text;
  std::ranges::sort(lines, {}, kPlace);
  std::string in_order;
  in_order.reserve(text.size());
  for (const FieldLine& line : lines) in_order += line.whole;
  return in_order;
}

}  // namespace

void AttributeLines::take(std::string_view name, std::string_view value) {
  std::string_view spelling = standard_name(name);
  std::string* lines = &lines_;
  if (spelling.empty()) {
    if (!begins_with(name, kAmazon) || !is_token(name)) return;
    const std::string_view rest = name.substr(kAmazon.size());
    if (begins_with(rest, kChecksums)) {
      lines = &checksum_lines_;
    } else if (!is_amazon_attribute(rest)) {
      return;
    }
  }
  constexpr size_t kMarks = std::string_view(": \r\n").size();
  const size_t bytes = name.size() + value.size() + kMarks;
  too_large_ =
      too_large_ || lines_.size() + checksum_lines_.size() + bytes > ObjectAttributes::kBytesMax;
  if (too_large_) return;
  last_ = lines;
  last_begin_ = lines->size();
  if (spelling.empty()) {
    std::ranges::transform(name, std::back_inserter(*lines), lower);
  } else {
    lines->append(spelling);
  }
  lines->append(": ").append(value).append("\r\n");
}

void AttributeLines::drop_line() {
  if (last_ != nullptr) last_->resize(last_begin_);
  last_ = nullptr;
}

ObjectAttributes AttributeLines::finish() {
  if (too_large_) return ObjectAttributes::make_too_large();
  return {sorted(std::move(lines_)), sorted(std::move(checksum_lines_))};
}

}  // namespace cachey::origin
