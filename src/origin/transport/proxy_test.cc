#include "origin/transport/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProxyUrl, TakesHostPortAndUser) {
  EXPECT_EQ(parse_proxy_url("http://proxy:3128").value(), (Proxy{"proxy", 3128, ""}));
  EXPECT_EQ(parse_proxy_url("HTTP://proxy/").value(), (Proxy{"proxy", 80, ""}));
  EXPECT_EQ(parse_proxy_url("10.0.0.1:8080").value(), (Proxy{"10.0.0.1", 8080, ""}));
  EXPECT_EQ(parse_proxy_url("http://[::1]:8080").value(), (Proxy{"::1", 8080, ""}));
  EXPECT_EQ(parse_proxy_url("http://Aladdin:open%20sesame@proxy:1").value(),
            (Proxy{"proxy", 1, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}));
  EXPECT_EQ(parse_proxy_url("u@proxy").value(), (Proxy{"proxy", 80, "Basic dTo="}));
}

TEST(ProxyUrl, RefusesTheRestAndKeepsPasswordsToItself) {
  for (const char* url :
       {"", "http://", "https://u:secret@proxy", "socks5://u:secret@proxy", "http://u:secret@",
        "http://u:secret@proxy:0", "http://u:secret@pro xy", "http://u:secret%zz@proxy",
        "http://u:secret@proxy/path", "http://u:secret@proxy?q", "proxy:port"}) {
    const Result<Proxy> proxy = parse_proxy_url(url);
    ASSERT_FALSE(proxy.has_value()) << url;
    EXPECT_THAT(proxy.error().message(), Not(HasSubstr("secret")));
  }
}

TEST(NoProxy, MatchesAddressesNetworksAndDomains) {
  const NoProxy some("127.0.0.0/8, 10.1.2.3 ,::1,fd00::/9,Example.com,.internal,,/,10.0.0.0/99");
  for (const char* host : {"127.0.0.1", "127.255.0.9", "10.1.2.3", "::1", "fd12::1", "example.com",
                           "EXAMPLE.com", "a.b.example.com", "internal", "x.internal"}) {
    EXPECT_TRUE(some.matches(host)) << host;
  }
  for (const char* host : {"128.0.0.1", "10.1.2.4", "::2", "fc00::1", "badexample.com",
                           "example.com.evil", "internal.evil", "", "10.0.0.1"}) {
    EXPECT_FALSE(some.matches(host)) << host;
  }
  EXPECT_FALSE(NoProxy("").matches("anything"));
  EXPECT_TRUE(NoProxy("*").matches("anything"));
  EXPECT_TRUE(NoProxy("0.0.0.0/0").matches("1.2.3.4"));
}

using Variables = std::map<std::string, std::string>;

Result<ProxyRules> rules_of(const Variables& variables) {
  return proxies_from_environment([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

std::string proxy_of(const Variables& variables, bool tls, const char* host = "store") {
  const ProxyRules rules = rules_of(variables).value();
  const Proxy* proxy = rules.proxy_for(tls ? Scheme::kHttps : Scheme::kHttp, host);
  return proxy == nullptr ? "none" : proxy->host;
}

TEST(ProxyRules, AreTakenFromTheEnvironment) {
  EXPECT_EQ(proxy_of({}, false), "none");
  EXPECT_EQ(proxy_of({{"HTTP_PROXY", "a"}, {"http_proxy", "b"}}, false), "a");
  EXPECT_EQ(proxy_of({{"HTTP_PROXY", ""}, {"http_proxy", "b"}}, false), "b");
  EXPECT_EQ(proxy_of({{"HTTP_PROXY", "a"}}, true), "none");
  EXPECT_EQ(proxy_of({{"https_proxy", "a"}, {"ALL_PROXY", "b"}}, true), "a");
  EXPECT_EQ(proxy_of({{"https_proxy", "a"}, {"all_proxy", "b"}}, false), "b");
  EXPECT_EQ(proxy_of({{"ALL_PROXY", "a"}, {"no_proxy", "store"}}, true), "none");
  EXPECT_EQ(proxy_of({{"ALL_PROXY", "a"}, {"NO_PROXY", "other"}, {"no_proxy", "store"}}, true),
            "a");
  EXPECT_EQ(proxy_of({{"HTTP_PROXY", "a"}, {"REQUEST_METHOD", "GET"}}, false), "none");
}

TEST(ProxyRules, AProxyThatCannotBeUsedIsNamed) {
  const Result<ProxyRules> rules = rules_of({{"ALL_PROXY", "socks5://u:secret@proxy"}});
  ASSERT_FALSE(rules.has_value());
  EXPECT_EQ(rules.error().kind(), ErrorKind::kBadRequest);
  EXPECT_THAT(rules.error().message(), HasSubstr("ALL_PROXY"));
  EXPECT_THAT(rules.error().message(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace cachey::origin
