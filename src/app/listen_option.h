#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey::app {

/// Where to listen: an IPv4 or IPv6 literal, and a port where one is named.
struct ListenOption {
  std::string ip;
  std::optional<uint16_t> port;

  bool operator==(const ListenOption&) const = default;
};

/// `127.0.0.1`, `127.0.0.1:8081`, `::1`, `[::1]`, `[::1]:8081`. The literal comes out in its
/// canonical form. Nothing where it is none of these.
[[nodiscard]] std::optional<ListenOption> parse_listen_option(std::string_view text);

[[nodiscard]] std::string to_text(const ListenOption& address);

}  // namespace cachey::app
