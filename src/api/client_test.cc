#include "api/client.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::api {
namespace {

std::string client_at(const char* address) {
  return client_of_address(*net::parse_ip_address(address));
}

TEST(Client, AddressesOfANetworkAreOneClient) {
  EXPECT_EQ(client_at("2001:db8:1:2::7"), client_at("2001:db8:1:2:ffff::1"));
  EXPECT_NE(client_at("2001:db8:1:2::7"), client_at("2001:db8:1:3::7"));
  EXPECT_NE(client_at("10.0.0.1"), client_at("10.0.0.2"));
}

TEST(Client, KeysTokensAndAddressesNeverMeet) {
  const std::string address = client_at("75.75.75.75");  // KKKK
  EXPECT_NE(client_of_key("KKKK"), address);
  EXPECT_NE(client_of_token(0x4b4b4b4b), address);
  EXPECT_NE(client_of_token(0x4b4b4b4b), client_of_key("KKKK"));
}

TEST(Client, HasANameForAPerson) {
  TokenNames tokens;
  const uint32_t reports = tokens.number_of("reports");
  EXPECT_EQ(client_text(client_of_token(reports), tokens), "reports");
  EXPECT_EQ(client_text(client_of_token(7), tokens), "");
  EXPECT_EQ(client_text(client_of_key("AKIAEXAMPLE"), tokens), "AKIAEXAMPLE");
  EXPECT_EQ(client_text(client_at("::ffff:10.0.0.1"), tokens), "10.0.0.1");
  EXPECT_EQ(client_text(client_at("2001:db8:1:2::7"), tokens), "2001:db8:1:2::/64");
  EXPECT_EQ(client_text("", tokens), "");
}

TEST(TokenNames, KeepTheirNumbers) {
  TokenNames names;
  const uint32_t first = names.number_of("one");
  EXPECT_EQ(names.number_of("two"), first + 1);
  EXPECT_EQ(names.number_of("one"), first);
  EXPECT_EQ(names.name_of(first), "one");
  EXPECT_EQ(names.name_of(0), "");
  EXPECT_EQ(names.name_of(99), "");
}

TEST(TokenNames, AreBounded) {
  TokenNames names;
  for (size_t i = 0; i < TokenNames::kNamesMax; ++i) (void)names.number_of(std::to_string(i));
  const uint32_t further = names.number_of("further one");
  EXPECT_EQ(further, names.number_of("further two"));
  EXPECT_EQ(names.name_of(further), "further tokens");
  EXPECT_EQ(names.name_of(1), "0");
}

}  // namespace
}  // namespace cachey::api
