#include "api/s3/client_name.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::api::s3 {
namespace {

net::IpAddress at(const char* address) { return *net::parse_ip_address(address); }

TEST(ClientName, AddressesOfANetworkAreOneClient) {
  const auto name = [](const char* address) { return client_name(at(address), ""); };
  EXPECT_EQ(name("2001:db8:1:2::7"), name("2001:db8:1:2:ffff::1"));
  EXPECT_NE(name("2001:db8:1:2::7"), name("2001:db8:1:3::7"));
  EXPECT_NE(name("10.0.0.1"), name("10.0.0.2"));
}

TEST(ClientName, AKeyIsAClientAtAnyAddress) {
  EXPECT_EQ(client_name(at("10.0.0.1"), "K"), client_name(at("10.0.0.2"), "K"));
  EXPECT_NE(client_name(at("10.0.0.1"), "K"), client_name(at("10.0.0.1"), "L"));
}

}  // namespace
}  // namespace cachey::api::s3
