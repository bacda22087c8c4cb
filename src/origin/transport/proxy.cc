#include "origin/transport/proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/escape.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> parse_address(std::string_view text) {
  boost::system::error_code error;
  const ip::address address = ip::make_address(text, error);
  return error ? std::nullopt : std::optional(address);
}

/// The bytes of the address, most significant first.
std::vector<unsigned char> bytes_of(const ip::address& address) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = address.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

bool same_prefix(const ip::address& a, const ip::address& b, unsigned bits) {
  if (a.is_v4() != b.is_v4()) return false;
  const std::vector<unsigned char> left = bytes_of(a);
  const std::vector<unsigned char> right = bytes_of(b);
  for (size_t i = 0; i < left.size() && bits > 0; ++i) {
    const unsigned here = std::min(bits, 8U);
    if ((left[i] ^ right[i]) >> (8 - here) != 0) return false;
    bits -= here;
  }
  return true;
}

Result<std::string> basic_authorization(std::string_view user_info) {
  const size_t colon = user_info.find(':');
  const std::optional<std::string> user = percent_decode(user_info.substr(0, colon));
  const std::optional<std::string> password = percent_decode(
      colon == std::string_view::npos ? std::string_view() : user_info.substr(colon + 1));
  if (!user || !password)
    return fail(ErrorKind::kBadRequest, "a bad percent escape in the proxy's user or password");
  const std::string pair = *user + ":" + *password;
  return "Basic " + base64_encode(std::as_bytes(std::span(pair)));
}

}  // namespace

Result<Proxy> parse_proxy_url(std::string_view url) {
  constexpr std::string_view kSchemeEnd = "://";
  const size_t scheme_end = url.find(kSchemeEnd);
  std::string_view rest = url;
  if (scheme_end != std::string_view::npos) {
    if (lower_case(url.substr(0, scheme_end)) != "http") {
      return fail(ErrorKind::kBadRequest,
                  "only http:// proxies are supported, neither https:// nor SOCKS");
    }
    rest.remove_prefix(scheme_end + kSchemeEnd.size());
  }
  Proxy proxy;
  const size_t at = rest.substr(0, rest.find('/')).rfind('@');
  if (at != std::string_view::npos) {
    Result<std::string> authorization = basic_authorization(rest.substr(0, at));
    if (!authorization) return std::unexpected(authorization.error());
    proxy.authorization = std::move(*authorization);
    rest.remove_prefix(at + 1);
  }
  const Result<EndpointUrl> server = parse_endpoint_url(fmt::format("http://{}", rest));
  if (!server || !server->base_path.empty())
    return fail(ErrorKind::kBadRequest, "it is no http://HOST:PORT");
  proxy.host = server->host;
  proxy.port = server->port;
  return proxy;
}

NoProxy::NoProxy(std::string_view list) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view entry = trimmed(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (entry == "*") all_ = true;
    const size_t slash = entry.find('/');
    const std::optional<ip::address> address = parse_address(entry.substr(0, slash));
    if (!address) {
      if (entry.starts_with('.')) entry.remove_prefix(1);
      if (!entry.empty()) domains_.push_back(lower_case(entry));
      continue;
    }
    const unsigned bits_max = address->is_v4() ? 32 : 128;
    unsigned bits = bits_max;
    if (slash != std::string_view::npos) {
      const auto parsed = parse_number<unsigned>(entry.substr(slash + 1));
      if (!parsed || *parsed > bits_max) continue;
      bits = *parsed;
    }
    networks_.push_back(Network(*address, bits));
  }
}

bool NoProxy::matches(std::string_view host) const {
  if (all_) return true;
  if (const std::optional<ip::address> address = parse_address(host)) {
    return std::ranges::any_of(networks_, [&address](const Network& network) {
      return same_prefix(*address, network.address, network.prefix_bits);
    });
  }
  const std::string name = lower_case(host);
  return std::ranges::any_of(domains_, [&name](const std::string& domain) {
    if (!name.ends_with(domain)) return false;
    return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
  });
}

const Proxy* ProxyRules::proxy_for(Scheme scheme, std::string_view host) const {
  const std::optional<Proxy>& proxy = scheme == Scheme::kHttps ? https_ : http_;
  return proxy && !except_.matches(host) ? &*proxy : nullptr;
}

Result<ProxyRules> proxies_from_environment(const Environment& environment) {
  if (environment("REQUEST_METHOD")) return ProxyRules();
  const auto chosen =
      [&environment](std::initializer_list<const char*> names) -> Result<std::optional<Proxy>> {
    for (const char* name : names) {
      const std::string url = first_set(environment, {name});
      if (url.empty()) continue;
      Result<Proxy> proxy = parse_proxy_url(url);
      if (!proxy)
        return fail(ErrorKind::kBadRequest, fmt::format("{}: {}", name, proxy.error().message()));
      return std::move(*proxy);
    }
    return std::nullopt;
  };
  Result<std::optional<Proxy>> http =
      chosen({"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"});
  if (!http) return std::unexpected(http.error());
  Result<std::optional<Proxy>> https =
      chosen({"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"});
  if (!https) return std::unexpected(https.error());
  return ProxyRules(std::move(*http), std::move(*https),
                    NoProxy(first_set(environment, {"NO_PROXY", "no_proxy"})));
}

}  // namespace cachey::origin
