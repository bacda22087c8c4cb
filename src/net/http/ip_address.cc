#include "net/http/ip_address.h"

#include <algorithm>
#include <array>

namespace cachey::net {

IpAddress unmapped(const IpAddress& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return rt::asio::ip::make_address_v4(rt::asio::ip::v4_mapped, address.to_v6());
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  constexpr size_t kTextMax = 45;  // ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255
  const auto is_part = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
           c == '.';
  };
  if (text.size() > kTextMax || !std::ranges::all_of(text, is_part)) return std::nullopt;
  std::array<char, kTextMax + 1> ended{};
  std::ranges::copy(text, ended.begin());
  boost::system::error_code error;
  const IpAddress address = rt::asio::ip::make_address(ended.data(), error);
  if (error) return std::nullopt;
  return unmapped(address);
}

}  // namespace cachey::net
