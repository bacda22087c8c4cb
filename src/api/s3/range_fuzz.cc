// Input: 8 bytes for the object's size, the rest is a Range.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "api/s3/range.h"
#include "base/check.h"
#include "base/units.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  using enum api::s3::RangeVerdict::Answer;
  uint64_t object_size = 0;
  if (size < sizeof object_size) return 0;
  std::memcpy(&object_size, data, sizeof object_size);
  const std::string_view value(reinterpret_cast<const char*>(data) + sizeof object_size,
                               size - sizeof object_size);
  const api::s3::AskedRange asked = api::s3::AskedRange::parse(value);
  const api::s3::RangeVerdict verdict = api::s3::judge(asked, object_size);
  CHECK(verdict.bytes.begin <= verdict.bytes.end && verdict.bytes.end <= object_size);
  if (verdict.answer == kWhole) CHECK(verdict.bytes == ByteRange(0, object_size));
  if (verdict.answer == kPart) CHECK(!verdict.bytes.empty());
  if (verdict.answer == kUnsatisfiable) CHECK(verdict.bytes.empty());
  if (asked.form == api::s3::AskedRange::Form::kWhole) {
    CHECK(verdict.answer == kWhole);
  } else if (asked.form == api::s3::AskedRange::Form::kFromTo) {
    CHECK(asked.first <= asked.last);
    const ByteRange unknown = asked.of_unknown_size();
    CHECK(!unknown.empty() && unknown.end <= kObjectBytesMax);
  }
  return 0;
}
