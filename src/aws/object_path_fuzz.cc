#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aws/object_path.h"
#include "base/check.h"

/// A bucket and a key that were parsed, written and parsed again are the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::aws;
  const std::string_view path(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_object_path(path);
  if (parsed && !parsed->bucket.empty())
    CHECK(parse_object_path(object_path("", parsed->bucket, parsed->key)) == parsed);
  const auto key = parse_object_key(path);
  if (key) CHECK(parse_object_key(object_path("", "", *key)) == key);
  return 0;
}
