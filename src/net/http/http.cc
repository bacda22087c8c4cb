#include "net/http/http.h"

#include "base/ascii.h"
#include "net/http/field_text.h"

namespace cachey::net {

bool Request::asks_for_trailers() const {
  if (!takes_trailers_) return false;
  for (const Field& field : fields_) {
    if (field.name == "te" && list_has(field.value, "trailers")) return true;
  }
  return false;
}

ConstantFields::ConstantFields(std::span<const Field> fields) {
  for (const Field& field : fields) {
    text_.append(field.name).append(": ").append(field.value).append("\r\n");
    names_ += lower_case(field.name);
  }
  size_t at = 0;
  for (const Field& field : fields) {
    fields_.push_back({std::string_view(names_).substr(at, field.name.size()), field.value});
    at += field.name.size();
  }
}

rt::Task<bool> offer_all(ResponseWriter& writer, std::string_view body) {
  while (!body.empty()) {
    const iovec part{const_cast<char*>(body.data()), body.size()};
    const size_t taken = writer.offer(std::span(&part, 1));
    body.remove_prefix(taken);
    if (taken > 0) continue;
    const bool open = co_await writer.writable();
    if (!open) co_return false;
  }
  co_return true;
}

}  // namespace cachey::net
