#include "net/connection/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

#include "net/testing/proxy_headers.h"

namespace cachey::net {
namespace {

using namespace std::string_literals;

using State = ProxyHeader::State;

constexpr char kLocal = 0x20;
constexpr char kProxied = 0x21;

/// `refused`, `more`, `own` or the client's address, for a header with bytes of the client behind.
std::string outcome(const std::string& header) {
  const ProxyHeader read = read_proxy_header(header + "GET / HTTP/1.1\r\n");
  if (read.state == State::kRefused) return "refused";
  if (read.state == State::kMore) return "more";
  EXPECT_EQ(read.bytes, header.size());
  return read.client ? read.client->to_string() : "own";
}

TEST(ProxyHeader, Version1) {
  EXPECT_EQ(outcome("PROXY TCP4 9.9.9.9 10.0.0.1 1234 80\r\n"), "9.9.9.9");
  EXPECT_EQ(outcome("PROXY TCP6 2001:db8::9 ::1 65535 0\r\n"), "2001:db8::9");
  EXPECT_EQ(outcome("PROXY TCP6 ::ffff:9.9.9.9 ::1 1 2\r\n"), "9.9.9.9");
  EXPECT_EQ(outcome("PROXY UNKNOWN\r\n"), "own");
  EXPECT_EQ(outcome("PROXY UNKNOWN anything that fits\r\n"), "own");
}

TEST(ProxyHeader, Version1IsStrict) {
  for (const char* line : {"PROXY \r\n",
                           "PROXY TCP4\r\n",
                           "PROXY TCP4 9.9.9.9 10.0.0.1 1234\r\n",
                           "PROXY TCP4 9.9.9.9 10.0.0.1 1234 80 \r\n",
                           "PROXY TCP4  9.9.9.9 10.0.0.1 1234 80\r\n",
                           "PROXY TCP4 9.9.9.9 10.0.0.1 1234 80\n",
                           "PROXY TCP4 9.9.9.9 10.0.0.1 65536 80\r\n",
                           "PROXY TCP4 9.9.9.9 10.0.0.1 012 80\r\n",
                           "PROXY TCP4 9.9.9.9 10.0.0.1 -1 80\r\n",
                           "PROXY TCP4 9.9.9.9 10.0.0.1 +1 80\r\n",
                           "PROXY TCP4 ::1 ::1 1234 80\r\n",
                           "PROXY TCP6 9.9.9.9 10.0.0.1 1234 80\r\n",
                           "PROXY TCP6 [::1] ::1 1234 80\r\n",
                           "PROXY TCP4 9.9.9.9 10.0.0 1234 80\r\n",
                           "PROXY UDP4 9.9.9.9 10.0.0.1 1234 80\r\n",
                           "PROXY UNKNOWNS\r\n",
                           "PROXY tcp4 9.9.9.9 10.0.0.1 1234 80\r\n",
                           "proxy UNKNOWN\r\n",
                           "PROXY\r\n",
                           "GET / HTTP/1.1\r\n"}) {
    EXPECT_EQ(outcome(line), "refused") << line;
  }
  EXPECT_EQ(outcome("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n"), "own");  // 107 bytes
  EXPECT_EQ(outcome("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"), "refused");
}

TEST(ProxyHeader, Version2) {
  EXPECT_EQ(outcome(proxy_v2("9.9.9.9")), "9.9.9.9");
  EXPECT_EQ(outcome(proxy_v2("2001:db8::9")), "2001:db8::9");
  EXPECT_EQ(outcome(proxy_v2("::ffff:9.9.9.9")), "9.9.9.9");
}

TEST(ProxyHeader, Version2SkipsTlvs) {
  EXPECT_EQ(outcome(proxy_v2("9.9.9.9", "\x04\x00\x03"s + "\0\0\0"s)), "9.9.9.9");
  EXPECT_EQ(outcome(proxy_v2("9.9.9.9", std::string(4096 - 28, 'x'))), "9.9.9.9");
  EXPECT_EQ(outcome(proxy_v2("9.9.9.9", std::string(4096 - 27, 'x'))), "refused");
  EXPECT_EQ(outcome(proxy_v2_of(kProxied, 0x00, "TLVs")), "own");
}

TEST(ProxyHeader, AConnectionOfTheProxyItself) {
  EXPECT_EQ(outcome(proxy_v2_of(kLocal, 0x00, "")), "own");
  EXPECT_EQ(outcome(proxy_v2_of(kLocal, 0x11, std::string(12, 'x'))), "own");
  EXPECT_EQ(outcome(proxy_v2_of(kLocal, 0x77, "")), "own");
}

TEST(ProxyHeader, AddressesThatAreNone) {
  EXPECT_EQ(outcome(proxy_v2_of(kProxied, 0x31, std::string(216, 'x'))), "own");
  EXPECT_EQ(outcome(proxy_v2_of(kProxied, 0x00, "")), "own");
}

TEST(ProxyHeader, Version2IsStrict) {
  EXPECT_EQ(outcome(proxy_v2_of(0x11, 0x11, std::string(12, 'x'))), "refused");  // version 1
  EXPECT_EQ(outcome(proxy_v2_of(0x31, 0x11, std::string(12, 'x'))), "refused");
  EXPECT_EQ(outcome(proxy_v2_of(0x22, 0x11, std::string(12, 'x'))), "refused");  // no such command
  for (const int family : {0x01, 0x10, 0x12, 0x13, 0x22, 0x30, 0x32, 0x41, 0xff}) {
    EXPECT_EQ(outcome(proxy_v2_of(kProxied, static_cast<char>(family), std::string(300, 'x'))),
              "refused")
        << family;
  }
  EXPECT_EQ(outcome(proxy_v2_of(kProxied, 0x11, std::string(11, 'x'))), "refused");
  EXPECT_EQ(outcome(proxy_v2_of(kProxied, 0x21, std::string(35, 'x'))), "refused");
  EXPECT_EQ(outcome(proxy_v2_of(kProxied, 0x31, std::string(215, 'x'))), "refused");
  std::string broken = proxy_v2("9.9.9.9");
  broken[11] = '\r';
  EXPECT_EQ(outcome(broken), "refused");
}

TEST(ProxyHeader, APartOfAHeaderWaitsForMoreAndClaimsNoOtherBytes) {
  for (const std::string& header :
       {proxy_v2("9.9.9.9", "tlv"), proxy_v2("2001:db8::9"), proxy_v2_of(kLocal, 0, ""),
        "PROXY TCP4 9.9.9.9 10.0.0.1 1234 80\r\n"s, "PROXY UNKNOWN\r\n"s}) {
    for (size_t size = 0; size < header.size(); ++size) {
      const ProxyHeader read = read_proxy_header(header.substr(0, size));
      EXPECT_EQ(read.state, State::kMore) << size;
      EXPECT_EQ(read.bytes, size);
    }
    EXPECT_EQ(read_proxy_header(header).state, State::kWhole);
  }
}

}  // namespace
}  // namespace cachey::net
