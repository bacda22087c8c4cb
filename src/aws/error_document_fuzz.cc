#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aws/error_document.h"
#include "base/check.h"

/// The parser survives any input. Any text can be a message and is escaped: it adds no elements.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::aws;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const ErrorDocument document = parse_error_document(body);
  CHECK(document.details.size() <= kErrorDetailsMax);
  ErrorDocument plain;
  plain.message = body;
  const ErrorDocument again = parse_error_document(write_error_document(plain));
  CHECK(again.code.empty() && again.message.size() <= body.size() && again.details.empty());
  return 0;
}
