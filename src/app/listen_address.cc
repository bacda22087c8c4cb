#include "app/listen_address.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace cachey::app {
namespace {

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return port;
}

struct Parts {
  std::string_view ip;
  std::string_view port;
  bool has_port = false;
  bool bracketed = false;
};

/// Splits where the port begins: after the brackets, or at the colon where there is just one.
std::optional<Parts> split(std::string_view text) {
  Parts parts;
  parts.ip = text;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parts.ip = text.substr(1, close - 1);
    parts.bracketed = true;
    rest = text.substr(close + 1);
  } else if (const size_t colon = text.find(':'); colon == text.rfind(':') && colon < text.size()) {
    parts.ip = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (rest.empty()) return parts;
  if (rest.front() != ':') return std::nullopt;
  parts.port = rest.substr(1);
  parts.has_port = true;
  return parts;
}

}  // namespace

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
  const std::optional<Parts> parts = split(text);
  if (!parts) return std::nullopt;
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(std::string(parts->ip), error);
  if (error || (parts->bracketed && !ip.is_v6())) return std::nullopt;
  ListenAddress address{ip.to_string(), std::nullopt};
  if (!parts->has_port) return address;
  address.port = parse_port(parts->port);
  if (!address.port) return std::nullopt;
  return address;
}

std::string to_text(const ListenAddress& address) {
  if (!address.port) return address.ip;
  const bool v6 = address.ip.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address.ip, *address.port)
            : fmt::format("{}:{}", address.ip, *address.port);
}

}  // namespace cachey::app
