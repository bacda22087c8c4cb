#include "net/http/field_text.h"

#include <algorithm>
#include <cstring>

#include "base/ascii.h"
#include "base/byte_blocks.h"

namespace cachey::net {
namespace {

bool is_control(char c) {
  const auto code = static_cast<unsigned char>(c);
  return (code < 0x20 && code != '\t') || code == 0x7f;
}

/// Of each byte: a control character or a tab.
ByteBlock may_be_control(ByteBlock block) { return ByteBlock((block < 0x20) | (block == 0x7f)); }

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
  return !has_byte(text, may_be_control) || std::ranges::none_of(text, is_control);
}

char* copy_clean(std::string_view text, char* to) {
  if (text.empty()) return to;
  std::memcpy(to, text.data(), text.size());
  if (!is_clean(text)) std::replace_if(to, to + text.size(), is_control, '?');
  return to + text.size();
}

}  // namespace cachey::net
