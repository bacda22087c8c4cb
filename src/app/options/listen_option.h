#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey::app {

/// A value of --listen or --admin-listen: an IPv4 or IPv6 literal, and maybe a port.
struct ListenOption {
  std::string ip;
  std::optional<uint16_t> port;

  bool operator==(const ListenOption&) const = default;
};

/// Takes `127.0.0.1`, `127.0.0.1:8081`, `::1`, `[::1]` and `[::1]:8081`, and nothing else. The
/// result has the literal in canonical form.
[[nodiscard]] std::optional<ListenOption> parse_listen_option(std::string_view text);

[[nodiscard]] std::string to_text(const ListenOption& address);

}  // namespace cachey::app
