#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/s3/document_begin.h"
#include "base/check.h"

using cachey::api::s3::find_list_name;
using cachey::api::s3::find_root;
using cachey::api::s3::Found;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto root = find_root(text);
  CHECK((root.found == Found::kYes) == !root.name.empty());
  // More text never takes an answer back.
  const auto half = find_root(text.substr(0, size / 2));
  if (half.found != Found::kNeedsMore) CHECK(half.found == root.found && half.name == root.name);
  const auto name = find_list_name(text);
  if (name.found == Found::kYes) {
    CHECK(name.begin <= name.end && name.end <= size);
    CHECK(text.substr(name.end).starts_with("</Name>"));
  }
  return 0;
}
