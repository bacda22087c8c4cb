// Reads any values of Forwarded and X-Forwarded-For. Both fields together tell what each of them
// tells, or nothing; and no text changes the client that a trusted proxy tells behind that text.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/connection/forwarded.h"

namespace {

using cachey::net::Field;
using cachey::net::ForwardedClient;
using cachey::net::IpAddress;
using cachey::net::IpPrefix;
using cachey::net::TrustedProxies;

const IpAddress& proxy() {
  static const IpAddress one = *cachey::net::parse_ip_address("10.0.0.1");
  return one;
}

ForwardedClient ask(const std::vector<Field>& fields) {
  static const TrustedProxies trusted(
      {*IpPrefix::parse("10.0.0.0/8"), *IpPrefix::parse("fd00::/8")});
  return cachey::net::forwarded_client(fields, trusted, proxy());
}

/// Whatever a client writes, the address that its proxy adds in a field of its own is the client.
void check_added(std::string_view name, std::string_view made_up, std::string_view added) {
  const ForwardedClient client = ask({Field(name, made_up), Field(name, added)});
  CHECK(client.usable && client.address.to_string() == "9.9.9.9");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t half = bytes.size() / 2;
  const Field forwarded("forwarded", bytes.substr(0, half));
  const Field list("x-forwarded-for", bytes.substr(half));
  const ForwardedClient by_forwarded = ask({forwarded});
  const ForwardedClient by_list = ask({list});
  const ForwardedClient by_both = ask({forwarded, list});
  CHECK(by_both.address == proxy() ||
        (by_both.address == by_forwarded.address && by_both.address == by_list.address));
  check_added("x-forwarded-for", bytes, "9.9.9.9");
  check_added("forwarded", bytes, "for=9.9.9.9");
  const ForwardedClient behind = ask({Field("x-forwarded-for", std::string(bytes) + ", 9.9.9.9")});
  CHECK(behind.usable && behind.address.to_string() == "9.9.9.9");
  return 0;
}
