#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/field_lines.h"
#include "origin/transport/response_head.h"
#include "origin/transport/token.h"

namespace {

/// Every line is a clean field: a token, and a value without control characters but tabs.
void check_lines(std::string_view lines) {
  while (!lines.empty()) {
    const auto line = cachey::take_field_line(lines);
    CHECK(line && cachey::origin::is_token(line->name));
    for (const char c : line->value) CHECK(c == '\t' || (c != 0x7f && (c < 0 || c >= 0x20)));
  }
}

}  // namespace

/// The end of a head is found alike in one piece and byte by byte; what is parsed is framed once.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cachey::origin::find_head_end;
  constexpr size_t kPiecewiseMax = 512;
  std::string text("HTTP/1.1 206 x\r\n");
  text.append(reinterpret_cast<const char*>(data), size);
  const auto whole = find_head_end(text);
  if (whole) CHECK(*whole <= text.size());
  if (text.size() <= kPiecewiseMax) {
    cachey::Result<size_t> found = size_t{0};
    for (size_t end = 1; end <= text.size() && found && *found == 0; ++end)
      found = find_head_end(std::string_view(text).substr(0, end), end - 1);
    CHECK(found.has_value() == whole.has_value() || !whole);
    if (whole && found) CHECK(*found == *whole);
  }
  const auto head = cachey::origin::parse_response_head(text);
  CHECK(!head || (whole && *whole > 0));
  if (!head) return 0;
  CHECK(head->status == 206);
  CHECK(!head->chunked || !head->content_length);
  for (const std::string* value : {&head->etag, &head->content_range, &head->request_id})
    for (const char c : *value) CHECK(c == '\t' || (c != 0x7f && (c < 0 || c >= 0x20)));
  const auto again = cachey::origin::parse_response_head(text, cachey::origin::KeepLines::kSubject);
  CHECK(again && again->content_length == head->content_length);
  CHECK(again->lines.size() <= text.size());
  check_lines(again->lines);
  return 0;
}
