#include "app/options/listen_option.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

#include "base/ascii.h"

namespace cachey::app {
namespace {

struct Parts {
  std::string_view ip;
  std::optional<std::string_view> port = {};
  bool bracketed = false;
};

/// Splits at the port: after the brackets, or at the colon if there is exactly one.
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
  return parts;
}

}  // namespace

std::optional<ListenOption> parse_listen_option(std::string_view text) {
  const std::optional<Parts> parts = split(text);
  if (!parts) return std::nullopt;
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(std::string(parts->ip), error);
  if (error || (parts->bracketed && !ip.is_v6())) return std::nullopt;
  ListenOption address{ip.to_string(), std::nullopt};
  if (!parts->port) return address;
  address.port = parse_number<uint16_t>(*parts->port);
  if (!address.port) return std::nullopt;
  return address;
}

std::string to_text(const ListenOption& address) {
  if (!address.port) return address.ip;
  const bool v6 = address.ip.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address.ip, *address.port)
            : fmt::format("{}:{}", address.ip, *address.port);
}

}  // namespace cachey::app
