// Input: a document of ListBuckets.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/s3/bucket_list.h"
#include "base/check.h"

/// What is read can be written, and reads as the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cachey::api::s3::BucketList;
  auto list = BucketList::parse({reinterpret_cast<const char*>(data), size});
  if (!list) return 0;
  const std::string written = list->write();
  const auto again = BucketList::parse(written);
  CHECK(again && again->buckets.size() <= list->buckets.size());
  list->keep_only([](std::string_view name) { return name.size() % 2 == 0; });
  list->add("alias", "a");
  CHECK(BucketList::parse(list->write()));
  return 0;
}
