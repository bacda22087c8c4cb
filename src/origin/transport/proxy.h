#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "origin/environment.h"

namespace cachey::origin {

/// An HTTP proxy between us and a server.
struct Proxy {
  std::string host;
  uint16_t port = 80;
  std::string authorization;  ///< `Basic ...`, or empty. A secret

  friend bool operator==(const Proxy&, const Proxy&) = default;
};

/// Parses `http://user:password@host:port`; scheme, user and port may be missing. kBadRequest for
/// anything else; the message does not quote the URL, because the URL may hold a password.
[[nodiscard]] Result<Proxy> parse_proxy_url(std::string_view url);

/// The hosts that are reached without a proxy: `NO_PROXY`. Immutable.
class NoProxy {
 public:
  NoProxy() = default;
  /// Comma-separated: `*` for all hosts; an IP address; a network such as `10.0.0.0/8`; a domain,
  /// with or without a leading dot, which also matches its sub-domains. Other entries match
  /// nothing.
  explicit NoProxy(std::string_view list);

  [[nodiscard]] bool matches(std::string_view host) const;

 private:
  struct Network {
    boost::asio::ip::address address;
    unsigned prefix_bits;
  };

  bool all_ = false;
  std::vector<Network> networks_;
  std::vector<std::string> domains_;  // lower case, without the leading dot
};

enum class Scheme : uint8_t { kHttp, kHttps };

/// Which server is reached through which proxy. Immutable.
class ProxyRules {
 public:
  ProxyRules() = default;
  ProxyRules(std::optional<Proxy> http, std::optional<Proxy> https, NoProxy except)
      : http_(std::move(http)), https_(std::move(https)), except_(std::move(except)) {}

  /// Null: the server is reached directly.
  [[nodiscard]] const Proxy* proxy_for(Scheme scheme, std::string_view host) const;

 private:
  std::optional<Proxy> http_;
  std::optional<Proxy> https_;
  NoProxy except_;
};

/// HTTP_PROXY and HTTPS_PROXY, each with ALL_PROXY as default, except for the hosts of NO_PROXY.
/// Each variable may be in upper or lower case; upper case comes first. No proxies if
/// REQUEST_METHOD is set, because a CGI's client could set HTTP_PROXY. kBadRequest if a proxy's URL
/// cannot be used.
[[nodiscard]] Result<ProxyRules> proxies_from_environment(const Environment& environment);

}  // namespace cachey::origin
