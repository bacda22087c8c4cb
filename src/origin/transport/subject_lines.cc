#include "origin/transport/subject_lines.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/field_lines.h"
#include "origin/transport/token.h"

namespace cachey::origin {
namespace {

/// In lower case.
constexpr std::string_view kOthers[] = {
    "age",     "alt-svc",    "connection",        "content-length",
    "date",    "keep-alive", "proxy-connection",  "proxy-authenticate",
    "server",  "set-cookie", "set-cookie2",       "strict-transport-security",
    "te",      "trailer",    "transfer-encoding", "upgrade",
    "via",     "x-amz-id-2", "x-amz-request-id",  "x-amz-bucket-region",
    "x-cache",
};
constexpr std::string_view kOtherFamilies[] = {"x-rgw-"};

}  // namespace

void SubjectLines::take(std::string_view name, std::string_view value) {
  if (!is_token(name)) return;
  const std::string known = lower_case(name);
  if (known == "connection") take_options(value);
  const bool other = std::ranges::find(kOthers, known) != std::end(kOthers) ||
                     std::ranges::any_of(kOtherFamilies, [&known](std::string_view family) {
                       return known.starts_with(family);
                     });
  if (other) return;
  last_ = text_.size();
  text_.append(name).append(": ").append(value).append("\r\n");
}

void SubjectLines::take_options(std::string_view options) {
  if (hop_by_hop_.empty()) hop_by_hop_ = ",";
  for (const char c : lower_case(options))
    if (c != ' ' && c != '\t') hop_by_hop_ += c;
  hop_by_hop_ += ',';
}

void SubjectLines::drop_line() {
  if (last_ == std::string::npos) return;
  text_.resize(last_);
  last_ = std::string::npos;
}

std::string SubjectLines::finish() {
  if (hop_by_hop_.empty()) return std::move(text_);
  std::string kept;
  std::string_view left = text_;
  while (const std::optional<FieldLine> line = take_field_line(left)) {
    const bool named = hop_by_hop_.contains("," + lower_case(line->name) + ",");
    if (!named) kept += line->whole;
  }
  return kept;
}

}  // namespace cachey::origin
