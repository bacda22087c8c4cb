#include "api/request_id.h"

#include <algorithm>

#include "base/ascii.h"

namespace cachey::api {

std::string_view RequestId::checked(std::string_view id) {
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
