#pragma once

#include <optional>
#include <string_view>

#include "rt/io.h"

namespace cachey::net {

using IpAddress = rt::asio::ip::address;

/// The IPv4 address of an IPv4-mapped IPv6 address (a client of an IPv6 socket has one); else the
/// address itself.
[[nodiscard]] IpAddress unmapped(const IpAddress& address);

/// Parses `10.1.2.3` or `2001:db8::1`, without brackets, port or zone. Never returns an IPv4-mapped
/// address.
[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);

}  // namespace cachey::net
