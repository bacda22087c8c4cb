#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/s3/access_keys.h"
#include "base/check.h"

/// Input: a file of keys. What is wrong with it is said without its contents: in ASCII, and short.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  using api::s3::AccessKeys;
  const Result<AccessKeys> keys = AccessKeys::parse({reinterpret_cast<const char*>(data), size});
  if (keys) {
    CHECK(keys->size() > 0 && keys->size() <= AccessKeys::kLinesMax);
    CHECK(keys->writers() <= keys->size());
  } else {
    CHECK(keys.error().kind() == ErrorKind::kBadRequest);
    CHECK(!keys.error().message().empty() && keys.error().message().size() < 128);
  }
  return 0;
}
