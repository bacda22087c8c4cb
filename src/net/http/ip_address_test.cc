#include "net/http/ip_address.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::net {
namespace {

std::string read_back(std::string_view text) {
  const std::optional<IpAddress> address = parse_ip_address(text);
  return address ? address->to_string() : "none";
}

TEST(IpAddress, LiteralsOfBothFamilies) {
  EXPECT_EQ(read_back("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(read_back("2001:DB8::1"), "2001:db8::1");
  EXPECT_EQ(read_back("::"), "::");
}

TEST(IpAddress, AMappedAddressIsAnAddressOfIPv4) {
  EXPECT_EQ(read_back("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(unmapped(rt::asio::ip::make_address("::ffff:1.2.3.4")).to_string(), "1.2.3.4");
  EXPECT_EQ(unmapped(rt::asio::ip::make_address("::1")).to_string(), "::1");
}

TEST(IpAddress, NothingElseIsOne) {
  for (const std::string_view text :
       {"", " 10.1.2.3", "10.1.2.3 ", "10.1.2", "10.1.2.256", "010.1.2.3.4", "[::1]", "::1%lo",
        "fe80::1%1", "10.1.2.3:80", "localhost", "0x7f.1", ":", ":::", "1::2::3",
        "12345::", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"}) {
    EXPECT_EQ(read_back(text), "none") << text;
  }
  EXPECT_EQ(read_back(std::string("1.2.3.4\0", 8)), "none");
}

}  // namespace
}  // namespace cachey::net
