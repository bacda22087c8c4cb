#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "origin/testing/decode_chunked.h"

using cachey::origin::decode_chunked;

/// Pieces of any size give the same data.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view coded(reinterpret_cast<const char*>(data) + 1, size - 1);
  CHECK(decode_chunked(coded, 1 + data[0] % 16) ==
        decode_chunked(coded, std::max<size_t>(1, coded.size())));
  return 0;
}
