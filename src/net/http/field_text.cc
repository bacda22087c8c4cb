#include "net/http/field_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/ascii.h"

namespace cachey::net {
namespace {

bool is_control(char c) {
  const auto code = static_cast<unsigned char>(c);
  return (code < 0x20 && code != '\t') || code == 0x7f;
}

constexpr size_t kWord = sizeof(uint64_t);

/// True if one of the eight bytes is a control character or a tab.
bool may_have_control(const char* word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  uint64_t bytes = 0;
  std::memcpy(&bytes, word, kWord);
  const uint64_t deletes = bytes ^ (0x7f * kOnes);  // a byte that was 0x7f is 0
  const uint64_t below_space = (bytes - 0x20 * kOnes) & ~bytes;
  const uint64_t zero = (deletes - kOnes) & ~deletes;
  return ((below_space | zero) & (0x80 * kOnes)) != 0;
}

/// As above, for a whole text. The last word overlaps the word before. True if the text is shorter
/// than a word.
bool may_have_control(std::string_view text) {
  if (text.size() < kWord) return true;
  for (size_t at = 0; at + kWord < text.size(); at += kWord) {
    if (may_have_control(text.data() + at)) return true;
  }
  return may_have_control(text.data() + text.size() - kWord);
}

}  // namespace

bool list_has(std::string_view list, std::string_view member) {
  const auto lower = [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; };
  while (true) {
    const size_t comma = list.find(',');
    if (std::ranges::equal(trimmed(list.substr(0, comma)), member, {}, lower)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool is_clean(std::string_view text) {
  return !may_have_control(text) || std::ranges::none_of(text, is_control);
}

char* copy_clean(std::string_view text, char* to) {
  char* const end = std::copy(text.begin(), text.end(), to);
  if (!is_clean(text)) std::replace_if(to, end, is_control, '?');
  return end;
}

}  // namespace cachey::net
