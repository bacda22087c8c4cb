#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "origin/s3/answer.h"
#include "origin/transport/response_head.h"

/// Input: 16 bytes with the range asked for, then the head of the answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cachey::ByteRange;
  uint64_t numbers[2] = {0, 1};
  for (size_t i = 0; i < 16 && size > 0; ++i, ++data, --size)
    numbers[i / 8] = numbers[i / 8] << 8 | *data;
  const uint64_t begin = numbers[0] >> 2;
  const ByteRange asked(begin, begin + 1 + (numbers[1] >> 2));
  const auto head =
      cachey::origin::parse_response_head({reinterpret_cast<const char*>(data), size});
  if (!head) return 0;
  const auto answer = cachey::origin::check_answer(*head, asked);
  if (!answer) return 0;
  CHECK(answer->range.begin == asked.begin && !answer->range.empty());
  CHECK(answer->range.end <= asked.end && answer->range.end <= answer->info.size);
  CHECK(answer->range.end == asked.end || answer->range.end == answer->info.size);
  return 0;
}
