#include "net/connection/trusted_proxies.h"

#include <gtest/gtest.h>

namespace cachey::net {
namespace {

std::string network(std::string_view text) {
  const std::optional<IpPrefix> prefix = IpPrefix::parse(text);
  return prefix ? prefix->text() : "none";
}
bool is_within(const char* address, const char* prefix) {
  return IpPrefix::parse(prefix)->contains(*parse_ip_address(address));
}

TEST(IpPrefix, NetworksAndSingleAddresses) {
  EXPECT_EQ(network("10.0.0.0/8"), "10.0.0.0/8");
  EXPECT_EQ(network("10.1.2.3"), "10.1.2.3/32");
  EXPECT_EQ(network("2001:db8::/33"), "2001:db8::/33");
  EXPECT_EQ(network("::1"), "::1/128");
  EXPECT_EQ(network("0.0.0.0/0"), "0.0.0.0/0");
}

TEST(IpPrefix, ASlipIsNoNetwork) {
  for (const char* text :
       {"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8 ",
        "/8", "10/8", "2001:db8::1/64", "::/129", "10.0.0.0/8/8", "[::1]", "a/8", "10.0.0.128/24",
        "10.0.0.0/ 8", "10.0.0.0/99999999999"}) {
    EXPECT_EQ(network(text), "none") << text;
  }
}

TEST(IpPrefix, ContainsTheAddressesOfItsFamilyWithItsBits) {
  EXPECT_TRUE(is_within("10.255.0.1", "10.0.0.0/8"));
  EXPECT_FALSE(is_within("11.0.0.0", "10.0.0.0/8"));
  EXPECT_TRUE(is_within("10.0.0.129", "10.0.0.128/25"));
  EXPECT_FALSE(is_within("10.0.0.127", "10.0.0.128/25"));
  EXPECT_TRUE(is_within("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(is_within("10.1.2.2", "10.1.2.3"));
  EXPECT_TRUE(is_within("2001:db8:7fff::1", "2001:db8::/33"));
  EXPECT_FALSE(is_within("2001:db8:8000::1", "2001:db8::/33"));
  EXPECT_TRUE(is_within("1.2.3.4", "0.0.0.0/0"));
  EXPECT_FALSE(is_within("::1", "0.0.0.0/0"));
  EXPECT_FALSE(is_within("10.0.0.0", "::/0"));
  EXPECT_TRUE(is_within("::ffff:10.0.0.1", "10.0.0.0/8"));
}

TEST(TrustedProxies, EachOfTheNetworks) {
  const TrustedProxies proxies({*IpPrefix::parse("10.0.0.0/8"), *IpPrefix::parse("::1")});
  EXPECT_TRUE(proxies.contains(*parse_ip_address("10.0.0.1")));
  EXPECT_TRUE(proxies.contains(*parse_ip_address("::1")));
  EXPECT_FALSE(proxies.contains(*parse_ip_address("127.0.0.1")));
  EXPECT_FALSE(TrustedProxies().contains(*parse_ip_address("127.0.0.1")));
}

}  // namespace
}  // namespace cachey::net
