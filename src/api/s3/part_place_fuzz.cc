// Input: 8 bytes for the object's size, 8 for the answer's length, 1 for the status, the rest is
// the answer's lines.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "api/s3/part_place.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  using namespace cachey::api::s3;
  uint64_t numbers[2];
  if (size < sizeof numbers + 1) return 0;
  std::memcpy(numbers, data, sizeof numbers);
  const unsigned status = 100 + 2 * data[sizeof numbers];
  const size_t begin = sizeof numbers + 1;
  const std::string_view lines(reinterpret_cast<const char*>(data) + begin, size - begin);
  const ObjectInfo version{.etag = "\"a-3\"", .size = numbers[0]};
  const PartAnswer answer{status, lines, numbers[1]};
  for (const uint32_t number : {1u, 2u}) {
    const Result<PartPlace> place = read_part_answer(answer, version, number);
    if (!place || place->form != PartPlace::Form::kRange) continue;
    CHECK(!place->range.empty() && place->range.end <= version.size);
    CHECK(place->range.size() == numbers[1]);
    CHECK(place->count <= kPartNumberMax);
  }
  return 0;
}
