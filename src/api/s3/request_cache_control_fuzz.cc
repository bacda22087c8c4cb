// Input: a Cache-Control line of a request.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/s3/request_cache_control.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::api::s3;
  using std::chrono::seconds;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  RequestCacheControl parsed;
  parsed.add(line);
  if (parsed.age_max)
    CHECK(*parsed.age_max >= seconds(0) && *parsed.age_max <= RequestCacheControl::kAgeMax);
  RequestCacheControl twice = parsed;
  twice.add(line);
  CHECK(twice == parsed);
  RequestCacheControl stricter = parsed;
  stricter.add("no-cache, no-store, only-if-cached");
  CHECK(stricter.age_max == seconds(0) && stricter.no_store && stricter.only_if_cached);
  return 0;
}
