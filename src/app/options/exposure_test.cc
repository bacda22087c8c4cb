#include "app/options/exposure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "app/options/testing/parse.h"

namespace cachey::app {
namespace {

bool warns(std::vector<const char*> arguments, std::string_view text) {
  const auto options = parse(std::move(arguments));
  EXPECT_TRUE(options) << options.error().text;
  return std::ranges::any_of(options->warnings, [text](const std::string& warning) {
    return warning.find(text) != std::string::npos;
  });
}

TEST(Exposure, AServerThatServesAllClients) {
  const auto warned = [](std::vector<const char*> arguments) {
    return warns(std::move(arguments), "all clients that reach this server");
  };
  EXPECT_TRUE(warned({}));
  EXPECT_TRUE(warned({"--listen=127.0.0.1", "--listen=10.0.0.1"}));
  EXPECT_TRUE(warned({"--listen=::", "--tls-self"}));
  EXPECT_FALSE(warned({"--listen=127.0.0.1"}));
  EXPECT_FALSE(warned({"--listen=::1", "--listen=127.1.2.3"}));
  EXPECT_FALSE(warned({"--auth-tokens=/t"}));
  EXPECT_FALSE(warned({"--allow-bucket=b"}));
  EXPECT_FALSE(warned({"--kind=k=b", "--kinds=declared"}));
  EXPECT_FALSE(warned({"--tls-self", "--tls-client-ca=/ca"}));
}

TEST(Exposure, NamesOfBucketsBesideObjects) {
  const auto warned = [](std::vector<const char*> arguments) {
    return warns(std::move(arguments), "all clients that reach --listen may read");
  };
  EXPECT_TRUE(warned({"--allow-bucket=b"}));
  EXPECT_TRUE(warned({"--allow-bucket=b", "--admin-listen=127.0.0.1:1", "--ui"}));
  EXPECT_FALSE(warned({"--allow-bucket=b", "--admin-listen=127.0.0.1:1"}));
  EXPECT_FALSE(warned({"--allow-bucket=b", "--listen=127.0.0.1"}));
  EXPECT_FALSE(warned({"--allow-bucket=b", "--auth-tokens=/t"}));
  EXPECT_FALSE(warned({"--allow-bucket=b", "--tls-self", "--tls-client-ca=/ca"}));
  EXPECT_FALSE(warned({}));  // the other warning says more
}

TEST(Exposure, AnAdminAddressThatAnswersAllClients) {
  const auto warned = [](std::vector<const char*> arguments) {
    return warns(std::move(arguments), "all clients that reach --admin-listen");
  };
  EXPECT_TRUE(warned({"--admin-listen=0.0.0.0:9090"}));
  EXPECT_TRUE(warned({"--admin-listen=0.0.0.0:9090", "--admin-tokens=/t"}));
  EXPECT_TRUE(warned({"--admin-listen=[::]:9090", "--tls-self"}));
  EXPECT_TRUE(warned(
      {"--admin-listen=[::]:9090", "--tls-self", "--tls-client-ca=/ca", "--admin-tls=false"}));
  EXPECT_FALSE(warned({}));
  EXPECT_FALSE(warned({"--admin-listen=127.0.0.1:9090"}));
  EXPECT_FALSE(warned({"--admin-listen=[::]:9090", "--auth-tokens=/t"}));
  EXPECT_FALSE(warned({"--admin-listen=[::]:9090", "--tls-self", "--tls-client-ca=/ca"}));
}

TEST(Exposure, TokensInClearTextBesideTls) {
  const auto warned = [](std::vector<const char*> arguments) {
    return warns(std::move(arguments), "tokens cross the network");
  };
  EXPECT_TRUE(warned(
      {"--tls-self", "--admin-tls=false", "--admin-listen=0.0.0.0:9090", "--admin-tokens=/t"}));
  EXPECT_FALSE(warned(
      {"--tls-self", "--admin-tls=false", "--admin-listen=127.0.0.1:9090", "--admin-tokens=/t"}));
  EXPECT_FALSE(warned({"--tls-self", "--admin-tls=false", "--admin-listen=0.0.0.0:9090"}));
  EXPECT_FALSE(warned({"--tls-self", "--admin-listen=0.0.0.0:9090", "--admin-tokens=/t"}));
}

TEST(Exposure, ProxiesThatAreEveryAddress) {
  EXPECT_TRUE(warns({"--trusted-proxies=0.0.0.0/0"}, "--trusted-proxies trusts every address"));
  EXPECT_TRUE(warns({"--trusted-proxies=::1", "--trusted-proxies=::/0"}, "every address"));
  EXPECT_FALSE(warns({"--trusted-proxies=0.0.0.0/1"}, "every address"));
}

}  // namespace
}  // namespace cachey::app
