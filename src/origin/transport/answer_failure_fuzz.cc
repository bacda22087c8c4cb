#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aws/error_document.h"
#include "base/check.h"
#include "origin/transport/answer_failure.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto document =
      cachey::aws::parse_error_document({reinterpret_cast<const char*>(data), size});
  cachey::origin::ResponseHead head;
  head.status = size > 0 ? 300U + data[0] : 500U;
  const auto failure = cachey::origin::failure_of(head, document);
  CHECK(failure.error.message().size() < 2048);
  for (const char c : failure.error.message()) CHECK(c >= 0x20 && c < 0x7f);
  return 0;
}
