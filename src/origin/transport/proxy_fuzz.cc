#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/escape.h"
#include "origin/transport/proxy.h"

/// The text as a proxy's URL and as a NO_PROXY list: both parse safely; a parsed proxy is usable.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::origin;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto proxy = parse_proxy_url(text)) {
    CHECK(!proxy->host.empty() && proxy->port != 0);
    CHECK(!cachey::has_control(proxy->host) && !cachey::has_control(proxy->authorization));
  }
  const NoProxy none(text);
  static_cast<void>(none.matches("127.0.0.1"));
  static_cast<void>(none.matches("bucket.s3.eu-west-1.amazonaws.com"));
  static_cast<void>(none.matches(text.substr(0, text.find(','))));
  return 0;
}
