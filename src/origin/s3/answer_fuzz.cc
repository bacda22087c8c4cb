#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/field_lines.h"
#include "origin/s3/answer.h"
#include "origin/transport/response_head.h"

namespace {

/// Whole lines, which no value breaks.
void check_lines(std::string_view lines) {
  while (const auto line = cachey::take_field_line(lines)) {
    CHECK(!line->name.empty());
    for (const char c : line->value) CHECK(c == '\t' || (c != 0x7f && (c < 0 || c >= 0x20)));
  }
  CHECK(lines.empty());
}

}  // namespace

/// Input: 16 bytes with the range asked for, then the head of the answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cachey::ByteRange;
  using cachey::origin::Ask;
  uint64_t numbers[2] = {0, 1};
  for (size_t i = 0; i < 16 && size > 0; ++i, ++data, --size)
    numbers[i / 8] = numbers[i / 8] << 8 | *data;
  const uint64_t begin = numbers[0] >> 2;
  const ByteRange asked(begin, begin + 1 + (numbers[1] >> 2));
  const auto head =
      cachey::origin::parse_response_head({reinterpret_cast<const char*>(data), size});
  if (!head) return 0;
  CHECK(head->attributes.bytes() <= cachey::ObjectAttributes::kBytesMax);
  check_lines(head->attributes.lines());
  check_lines(head->attributes.checksum_lines());
  if (const auto object = cachey::origin::check_answer(*head, {}, Ask::kHead))
    CHECK(object->range.empty() && object->info.size == *head->content_length);
  const ByteRange most(0, asked.size());
  if (const auto tail = cachey::origin::check_answer(*head, most, Ask::kTail)) {
    CHECK(!tail->range.empty() && tail->range.end == tail->info.size);
    CHECK(tail->range.size() == std::min(asked.size(), tail->info.size));
  }
  const auto answer = cachey::origin::check_answer(*head, asked);
  if (!answer) return 0;
  CHECK(answer->range.begin == asked.begin && !answer->range.empty());
  CHECK(answer->range.end <= asked.end && answer->range.end <= answer->info.size);
  CHECK(answer->range.end == asked.end || answer->range.end == answer->info.size);
  return 0;
}
