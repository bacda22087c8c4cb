// Reads any bytes at once and in pieces: both results agree, no byte behind the header is claimed,
// and a whole header stays the same whatever follows.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/connection/proxy_header.h"

namespace {

using cachey::net::ProxyHeader;
using cachey::net::read_proxy_header;

void check_header(std::string_view bytes) {
  const ProxyHeader all = read_proxy_header(bytes);
  CHECK(all.bytes <= bytes.size());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const ProxyHeader part = read_proxy_header(bytes.substr(0, size));
    if (part.state == ProxyHeader::State::kMore) {
      CHECK(part.bytes == size && size < ProxyHeader::kBytesMax);
      continue;
    }
    CHECK(part.state == all.state && part.bytes == all.bytes && part.client == all.client);
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_header(bytes);
  using namespace std::string_view_literals;
  std::string behind("\r\n\r\n\0\r\nQUIT\n"sv);
  check_header(behind.append(bytes));
  check_header(std::string("PROXY ").append(bytes));
  return 0;
}
