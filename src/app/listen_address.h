#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey::app {

/// Where to listen: an IPv4 or IPv6 literal, and a port where one is named.
struct ListenAddress {
  std::string ip;
  std::optional<uint16_t> port;

  bool operator==(const ListenAddress&) const = default;
};

/// `127.0.0.1`, `127.0.0.1:8081`, `::1`, `[::1]`, `[::1]:8081`. The literal comes out in its
/// canonical form. Nothing where it is none of these.
[[nodiscard]] std::optional<ListenAddress> parse_listen_address(std::string_view text);

[[nodiscard]] std::string to_text(const ListenAddress& address);

}  // namespace cachey::app
