#include "origin/transport/endpoint_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <optional>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/log.h"

namespace cachey::origin {
namespace {

bool is_host_character(char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_'; }

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;
constexpr size_t kHostBytesMax = 253;  // of a DNS name

struct Authority {
  std::string host;
  std::optional<uint16_t> port;
};

std::optional<uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<uint16_t>(text);
  return port == 0 ? std::nullopt : port;
}

std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, end - 1);
    if (!is_ip_address(authority.host)) return std::nullopt;
    rest = text.substr(end + 1);
  } else {
    const size_t colon = text.find(':');
    authority.host = text.substr(0, colon);
    if (authority.host.empty() || authority.host.size() > kHostBytesMax) return std::nullopt;
    if (!std::ranges::all_of(authority.host, is_host_character)) return std::nullopt;
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (rest.empty()) return authority;
  if (!rest.starts_with(':')) return std::nullopt;
  authority.port = parse_port(rest.substr(1));
  if (!authority.port) return std::nullopt;
  return authority;
}

}  // namespace

bool is_ip_address(std::string_view host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

Result<EndpointUrl> parse_endpoint_url(std::string_view url) {
  const auto bad = [url](std::string_view fault) {
    const bool may_be_secret = url.find('@') != std::string_view::npos;
    const std::string quoted = may_be_secret ? "(with a user name)" : log::quoted(url);
    return fail(ErrorKind::kBadRequest, fmt::format("bad endpoint URL {}: {}", quoted, fault));
  };
  EndpointUrl parsed;
  std::string_view rest = url;
  const size_t scheme_end = url.find("://");
  const std::string scheme =
      lower_case(url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  if (scheme != "http" && scheme != "https") return bad("it must start with http:// or https://");
  rest.remove_prefix(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos)
    return bad("it may have no query and no fragment");
  const size_t slash = rest.find('/');
  const std::string_view authority_text = rest.substr(0, slash);
  if (authority_text.find('@') != std::string_view::npos) return bad("it may have no user name");
  std::optional<Authority> authority = parse_authority(authority_text);
  if (!authority) return bad("its host or port cannot be one");
  parsed.tls = scheme == "https";
  parsed.host = std::move(authority->host);
  parsed.port = authority->port.value_or(parsed.tls ? kHttpsPort : kHttpPort);
  if (slash != std::string_view::npos) {
    std::string_view path = rest.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    const std::optional<std::string> decoded = percent_decode(path);
    if (!decoded) return bad("its path has a bad percent escape");
    percent_encode(*decoded, Slashes::kKeep, parsed.base_path);
  }
  return parsed;
}

std::string bracketed(const std::string& host) {
  return host.contains(':') ? fmt::format("[{}]", host) : host;
}

std::string host_header(const EndpointUrl& url) {
  std::string header = bracketed(url.host);
  const uint16_t own_port = url.tls ? kHttpsPort : kHttpPort;
  if (url.port != own_port) header += fmt::format(":{}", url.port);
  return header;
}

std::string absolute_form(const EndpointUrl& url, std::string_view path) {
  return fmt::format("http://{}{}", host_header(url), path);
}

}  // namespace cachey::origin
