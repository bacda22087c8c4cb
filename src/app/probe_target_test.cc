#include "app/probe_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/options/testing/parse.h"

namespace cachey::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string url_of(const std::vector<const char*>& arguments,
                   const std::vector<const char*>& environment = {}) {
  const auto options = parse(arguments, environment);
  EXPECT_TRUE(options.has_value());
  const ProbeTarget target = target_of(*options);
  EXPECT_EQ(origin::parse_endpoint_url(target.text), target.url);
  return target.text;
}

TEST(ProbeTarget, FollowsWhatTheServerListensOn) {
  EXPECT_EQ(url_of({}), "http://127.0.0.1:80/readyz");
  EXPECT_EQ(url_of({}, {"CACHEY_PORT=8080"}), "http://127.0.0.1:8080/readyz");
  EXPECT_EQ(url_of({"--port", "81"}, {"CACHEY_PORT=8080"}), "http://127.0.0.1:81/readyz");
  EXPECT_EQ(url_of({"--listen", "::", "--port=81"}), "http://[::1]:81/readyz");
  EXPECT_EQ(url_of({"--listen", "10.0.0.1:82", "--listen", "::1"}), "http://10.0.0.1:82/readyz");
  EXPECT_EQ(url_of({"--tls-self"}), "https://127.0.0.1:443/readyz");
}

TEST(ProbeTarget, OnlyConnectsIfClientsNeedACertificateOrAPROXYHeader) {
  EXPECT_FALSE(target_of(*parse({"--tls-self"})).connects_only);
  EXPECT_TRUE(target_of(*parse({"--tls-self", "--tls-client-ca", "ca.pem"})).connects_only);
  EXPECT_TRUE(target_of(*parse({"--proxy-protocol", "--trusted-proxies=::1"})).connects_only);
}

TEST(ProbeTarget, FindsTheServersWordsBehindAnInit) {
  using std::string_view_literals::operator""sv;
  EXPECT_THAT(server_words("/usr/bin/cachey\0--port\0\0"sv),
              ElementsAre("/usr/bin/cachey", "--port", ""));
  EXPECT_THAT(server_words("/sbin/docker-init\0--\0cachey\0--disk-path=/var/cache/cachey\0"sv),
              ElementsAre("cachey", "--disk-path=/var/cache/cachey"));
  EXPECT_THAT(server_words("/pause\0"), IsEmpty());
  EXPECT_THAT(server_words(""), IsEmpty());
}

}  // namespace
}  // namespace cachey::app
