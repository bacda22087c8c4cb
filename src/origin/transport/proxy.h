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

/// An HTTP proxy that stands between us and a server.
struct Proxy {
  std::string host;
  uint16_t port = 80;
  std::string authorization;  ///< `Basic ...`, or empty. A secret

  friend bool operator==(const Proxy&, const Proxy&) = default;
};

/// `http://user:password@host:port`, or without scheme, user or port. Fails (kBadRequest) on
/// anything else; the message does not repeat the URL, which may hold a password.
[[nodiscard]] Result<Proxy> parse_proxy_url(std::string_view url);

/// Hosts that are asked without a proxy: `NO_PROXY`. Immutable.
class NoProxy {
 public:
  NoProxy() = default;
  /// Comma-separated: `*` for all; an IP address; a network such as `10.0.0.0/8`; a domain, which
  /// stands for its sub-domains, too, with a dot before it or without. What is none matches
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

/// Which proxy leads where. Immutable.
class ProxyRules {
 public:
  ProxyRules() = default;
  ProxyRules(std::optional<Proxy> http, std::optional<Proxy> https, NoProxy except)
      : http_(std::move(http)), https_(std::move(https)), except_(std::move(except)) {}

  /// Null: none, the server is asked directly.
  [[nodiscard]] const Proxy* proxy_for(Scheme scheme, std::string_view host) const;

 private:
  std::optional<Proxy> http_;
  std::optional<Proxy> https_;
  NoProxy except_;
};

/// HTTP_PROXY and HTTPS_PROXY, each else ALL_PROXY, but for what NO_PROXY names; each variable in
/// upper case, else in lower case. None where REQUEST_METHOD is set: a CGI's client could say what
/// HTTP_PROXY is. Fails (kBadRequest) where the URL of a proxy is none that we can use.
[[nodiscard]] Result<ProxyRules> proxies_from_environment(const Environment& environment);

}  // namespace cachey::origin
