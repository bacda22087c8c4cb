#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "origin/content_range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed =
      cachey::origin::parse_content_range({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  CHECK(parsed->range || parsed->size);
  if (parsed->range) CHECK(parsed->range->begin <= parsed->range->end);
  if (parsed->range && parsed->size) CHECK(parsed->range->end <= *parsed->size);
  return 0;
}
