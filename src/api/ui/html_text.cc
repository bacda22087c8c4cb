#include "api/ui/html_text.h"

namespace cachey::api {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The length of the character at the start of `text` if that turns directions: U+200E, U+200F,
/// U+202A to U+202E, U+2066 to U+2069. Else 0.
size_t direction_length(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xE2') return 0;
  const auto last = static_cast<unsigned char>(text[2]);
  const bool marks = text[1] == '\x80' && (last == 0x8E || last == 0x8F);
  const bool embeddings = text[1] == '\x80' && last >= 0xAA && last <= 0xAE;
  const bool isolates = text[1] == '\x81' && last >= 0xA6 && last <= 0xA9;
  return marks || embeddings || isolates ? 3 : 0;
}

std::string_view entity_of(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

void append_text(std::string_view text, std::string& html) {
  while (!text.empty()) {
    const char c = text.front();
    const size_t turns = direction_length(text);
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (turns > 0 || is_control) {
      html += kReplacement;
    } else if (const std::string_view entity = entity_of(c); !entity.empty()) {
      html += entity;
    } else {
      html += c;
    }
    text.remove_prefix(turns > 0 ? turns : 1);
  }
}

}  // namespace cachey::api
