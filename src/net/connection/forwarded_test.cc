#include "net/connection/forwarded.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cachey::net {
namespace {

/// What the fields say to a server that trusts 10.0.0.0/8 and fd00::/8, behind the proxy 10.0.0.1;
/// with a question mark if they are not usable.
std::string client_of(const std::vector<Field>& fields) {
  const TrustedProxies trusted({*IpPrefix::parse("10.0.0.0/8"), *IpPrefix::parse("fd00::/8")});
  const ForwardedClient client = forwarded_client(fields, trusted, *parse_ip_address("10.0.0.1"));
  return client.address.to_string() + (client.usable ? "" : "?");
}
std::string by_list(std::string_view value) { return client_of({{"x-forwarded-for", value}}); }
std::string by_forwarded(std::string_view value) { return client_of({{"forwarded", value}}); }

TEST(Forwarded, WithoutFieldsTheProxyIsTheClient) {
  EXPECT_EQ(client_of({}), "10.0.0.1");
  EXPECT_EQ(client_of({{"x-real-ip", "9.9.9.9"}}), "10.0.0.1");
  EXPECT_EQ(by_list(""), "10.0.0.1");
  EXPECT_EQ(by_list(" , ,"), "10.0.0.1");
  EXPECT_EQ(by_forwarded(""), "10.0.0.1");
}

TEST(Forwarded, TheClientIsTheFirstUntrustedHopFromTheRight) {
  EXPECT_EQ(by_list("9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(by_list("1.1.1.1, 9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(by_list("1.1.1.1,9.9.9.9 ,\t10.2.0.1, fd00::5"), "9.9.9.9");
  EXPECT_EQ(by_forwarded("for=1.1.1.1, for=9.9.9.9;proto=http, by=x;for=10.2.0.1"), "9.9.9.9");
}

TEST(Forwarded, IfAllAreTrustedTheClientIsTheFirst) {
  EXPECT_EQ(by_list("10.3.0.1, 10.2.0.1"), "10.3.0.1");
  EXPECT_EQ(by_forwarded("for=10.3.0.1, for=\"[fd00::1]\""), "10.3.0.1");
}

TEST(Forwarded, FieldsOfOneNameAreOneList) {
  EXPECT_EQ(client_of({{"x-forwarded-for", "1.1.1.1"},
                       {"accept", "2.2.2.2"},
                       {"x-forwarded-for", "9.9.9.9, 10.2.0.1"},
                       {"x-forwarded-for", "10.3.0.1"}}),
            "9.9.9.9");
  EXPECT_EQ(client_of({{"forwarded", "for=9.9.9.9"}, {"forwarded", "for=10.3.0.1"}}), "9.9.9.9");
}

TEST(Forwarded, PortsAndBrackets) {
  EXPECT_EQ(by_list("9.9.9.9:4711"), "9.9.9.9");
  EXPECT_EQ(by_list("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(by_list("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(by_list("[2001:db8::1]:4711"), "2001:db8::1");
  EXPECT_EQ(by_list("::ffff:9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(by_forwarded("For=\"9.9.9.9:4711\""), "9.9.9.9");
  EXPECT_EQ(by_forwarded("for=\"[2001:db8::1]:_port\""), "2001:db8::1");
  EXPECT_EQ(by_forwarded("for=[2001:db8::1]:80"), "2001:db8::1");  // some proxies do not quote
}

TEST(Forwarded, WhatIsNoAddressEndsTheWalkAtTheProxyThatToldIt) {
  for (const char* node : {"unknown", "_hidden", "localhost", "9.9.9.9:", "9.9.9.9:x", "9.9.9.999",
                           "[9.9.9.9]", "[::1", "::1]", "[::1]x", "[::1]:", "[::1]:999999", "[]",
                           "9.9.9.9:123456", "fe80::1%eth0", "9.9.9.9 8.8.8.8", "\"9.9.9.9\""}) {
    EXPECT_EQ(by_list(std::string("8.8.8.8, ") + node), "10.0.0.1?") << node;
    EXPECT_EQ(by_list(std::string(node) + ", 10.7.0.1"), "10.7.0.1?") << node;
  }
  for (const char* value :
       {"for=unknown", "for=_hidden", "for=\"_hidden:80\"", "for=\"unknown:80\"",
        "for=\"9.9.9\\.9\"", "by=9.9.9.9", "proto=http", "for=9.9.9.9, by=8.8.8.8"}) {
    EXPECT_EQ(by_forwarded(value), "10.0.0.1?") << value;
  }
}

TEST(Forwarded, ABrokenValueSaysNothing) {
  for (const char* value :
       {"for", "for=", "=9.9.9.9", "for=\"9.9.9.9", "for=\"9.9.9.9\\", "for=9.9.9.9;for=9.9.9.9",
        "for =9.9.9.9", "for= 9.9.9.9", "for=9.9.9.9 x", "for=\"9.9.9.9\"x", "9.9.9.9",
        "for=\", for=9.9.9.9", "for=9.9.9.9, @"}) {
    EXPECT_EQ(by_forwarded(value), "10.0.0.1?") << value;
  }
  // The field that the trusted proxy has added is whole; what is left of it does not matter.
  EXPECT_EQ(client_of({{"forwarded", "for=\""}, {"forwarded", "for=9.9.9.9"}}), "9.9.9.9");
}

TEST(Forwarded, CommasInQuotedStringsSeparateNothing) {
  EXPECT_EQ(by_forwarded("by=\"a, for=1.1.1.1\";for=9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(by_forwarded("by=\"\\\", for=1.1.1.1\" ; for=9.9.9.9 ;, ,"), "9.9.9.9");
}

TEST(Forwarded, BothFieldsMustTellTheSameClient) {
  EXPECT_EQ(client_of({{"x-forwarded-for", "1.1.1.1, 9.9.9.9"}, {"forwarded", "for=9.9.9.9"}}),
            "9.9.9.9");
  EXPECT_EQ(client_of({{"x-forwarded-for", "9.9.9.9"}, {"forwarded", "for=1.1.1.1"}}), "10.0.0.1?");
  EXPECT_EQ(client_of({{"x-forwarded-for", "9.9.9.9"}, {"forwarded", "for=_x"}}), "10.0.0.1?");
  EXPECT_EQ(client_of({{"x-forwarded-for", "9.9.9.9"}, {"forwarded", ""}}), "10.0.0.1?");
}

TEST(Forwarded, ALongListIsNotFollowedToItsEnd) {
  std::string list = "9.9.9.9";
  std::string elements = "for=9.9.9.9";
  for (size_t hop = 1; hop < kForwardedHopsMax; ++hop) {
    list += ",10.2.0.1";
    elements += ",for=10.2.0.1";
  }
  EXPECT_EQ(by_list(list), "9.9.9.9");
  EXPECT_EQ(by_forwarded(elements), "9.9.9.9");
  EXPECT_EQ(by_list(list + ",10.2.0.1"), "10.2.0.1?");
  EXPECT_EQ(by_forwarded(elements + ",for=10.2.0.1"), "10.2.0.1?");
}

}  // namespace
}  // namespace cachey::net
