#include "api/request_id.h"

#include <algorithm>

#include "base/ascii.h"

namespace cachey::api {

std::string_view RequestId::of_client(const net::Request& request) {
  const std::string_view id = request.field("x-request-id").value_or("");
  const bool visible = std::ranges::all_of(id, is_visible);
  return visible && id.size() <= kClientBytesMax ? id : std::string_view();
}

RequestId::RequestId(Random& random) {
  uint64_t bits = random.bits();
  for (char& digit : digits_) {
    digit = "0123456789abcdef"[bits >> 60];
    bits <<= 4;
  }
}

}  // namespace cachey::api
