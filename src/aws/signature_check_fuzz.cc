#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "aws/signature_check.h"
#include "base/check.h"

namespace {

/// Removes the first line of `text` and returns it.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

/// Input: lines with the path, the query, the bucket in the host, and the headers `name:value`. No
/// input has a valid signature; each failure has a message and a status.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::aws;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  ReceivedRequest request;
  request.method = "GET";
  request.path = take_line(text);
  const auto query = decode_query(take_line(text));
  if (!query) return 0;
  request.query = *query;
  request.bucket_of_host = take_line(text);
  std::vector<HeaderView> headers;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      headers.push_back({line.substr(0, colon), line.substr(colon + 1)});
  }
  request.headers = headers;
  static const Credentials kKnown("AKID", "secret of nobody's", "");
  const std::vector<std::string> other_hosts = {"s3.example.com:9000"};
  request.other_hosts = other_hosts;
  const auto look_up = [](std::string_view id) { return id == "AKID" ? &kKnown : nullptr; };
  SignatureChecker checker({});
  const auto checked = checker.check(request, look_up, 1'369'353'600);
  CHECK(!checked);
  CHECK(!message_of(checked.error().fault).empty());
  CHECK(error_code_of(checked.error().fault).status >= 400);
  return 0;
}
