#include "net/http2/field_list.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "net/http/field_text.h"

namespace cachey::net::http2 {
namespace {

uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 only reads them
}

/// Other responses have the same value. Any other field would only push these out of the encoder's
/// table. The names are spelled as this room and the handlers spell them.
bool is_worth_indexing(std::string_view name) {
  constexpr std::array kNames = {std::string_view(":status"), std::string_view("date"),
                                 std::string_view("Content-Type"),
                                 std::string_view("Last-Modified")};
  return std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace

void FieldList::add(std::string_view name, std::string_view value) {
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  if (!is_clean(value)) {
    std::string& text = cleaned_.emplace_front(value);
    (void)copy_clean(value, text.data());
    value = text;
  }
  fields_.push_back(nghttp2_nv{
      .name = bytes(name),
      .value = bytes(value),
      .namelen = name.size(),
      .valuelen = value.size(),
      .flags = static_cast<uint8_t>(is_worth_indexing(name) ? NGHTTP2_NV_FLAG_NONE
                                                            : NGHTTP2_NV_FLAG_NO_INDEX),
  });
}

void FieldList::add_constant(const Field& field) {
  fields_.push_back(nghttp2_nv{
      .name = bytes(field.name),
      .value = bytes(field.value),
      .namelen = field.name.size(),
      .valuelen = field.value.size(),
      .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
  });
}

}  // namespace cachey::net::http2
