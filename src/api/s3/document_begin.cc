#include "api/s3/document_begin.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace cachey::api::s3 {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kAfterName = " \t\r\n/>";

/// The entries of a list begin here, and the list ends here.
constexpr std::string_view kAfterHead[] = {
    "<Contents",       "<Version>",          "<Version ",           "<DeleteMarker",
    "<CommonPrefixes", "</ListBucketResult", "</ListVersionsResult"};

bool is_name_byte(char c) {
  return is_alphanumeric(c) || c == ':' || c == '_' || c == '-' || c == '.' ||
         static_cast<unsigned char>(c) >= 0x80;
}

enum class Skip : uint8_t { kNothing, kDone, kNeedsMore };

/// Skips `open`...`close` at the front of the text.
Skip skip(std::string_view& text, std::string_view open, std::string_view close) {
  if (text.size() < open.size()) return open.starts_with(text) ? Skip::kNeedsMore : Skip::kNothing;
  if (!text.starts_with(open)) return Skip::kNothing;
  const size_t end = text.find(close, open.size());
  if (end == std::string_view::npos) return Skip::kNeedsMore;
  text.remove_prefix(end + close.size());
  return Skip::kDone;
}

RootName read_name(std::string_view text) {
  const size_t end = text.find_first_of(kAfterName);
  if (end == std::string_view::npos) {
    return {std::ranges::all_of(text, is_name_byte) ? Found::kNeedsMore : Found::kNo};
  }
  std::string_view name = text.substr(0, end);
  if (!std::ranges::all_of(name, is_name_byte)) return {Found::kNo};
  const size_t colon = name.find(':');
  if (colon != std::string_view::npos) name.remove_prefix(colon + 1);
  return {name.empty() ? Found::kNo : Found::kYes, name};
}

}  // namespace

RootName find_root(std::string_view text) {
  if (kByteOrderMark.starts_with(text)) return {};
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    if (text.empty()) return {};
    const Skip instruction = skip(text, "<?", "?>");
    const Skip comment = instruction == Skip::kNothing ? skip(text, "<!--", "-->") : instruction;
    if (comment == Skip::kNeedsMore) return {};
    if (comment == Skip::kNothing) break;
  }
  if (text.front() != '<') return {Found::kNo};
  return read_name(text.substr(1));
}

ListName find_list_name(std::string_view text) {
  constexpr std::string_view kOpen = "<Name>";
  size_t head_end = text.size();
  bool whole = false;
  for (const std::string_view entry : kAfterHead) {
    const size_t at = text.substr(0, head_end).find(entry);
    if (at == std::string_view::npos) continue;
    head_end = at;
    whole = true;
  }
  const std::string_view head = text.substr(0, head_end);
  const Found otherwise = whole ? Found::kNo : Found::kNeedsMore;
  const size_t open = head.find(kOpen);
  if (open == std::string_view::npos) return {otherwise};
  const size_t begin = open + kOpen.size();
  const size_t end = head.find("</Name>", begin);
  if (end == std::string_view::npos) return {otherwise};
  return {Found::kYes, begin, end};
}

}  // namespace cachey::api::s3
