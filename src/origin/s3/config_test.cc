#include "origin/s3/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "origin/credentials/environment_credentials.h"

namespace cachey::origin {
namespace {

using Variables = std::map<std::string, std::string>;

Environment environment_with(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

/// There are no files.
Result<std::string> no_file(const std::string&, size_t) {
  return fail(ErrorKind::kNotFound, "no such file");
}

Result<S3Config> config_of(Variables variables) {
  return s3_config_from_environment(environment_with(std::move(variables)), no_file);
}

std::string credentials_of(Variables variables) {
  const Result<aws::CredentialsPtr> credentials =
      credentials_from_environment(environment_with(std::move(variables)));
  if (!credentials) return credentials.error().message();
  if (!*credentials) return "none";
  return (*credentials)->access_key_id() + "|" + (*credentials)->secret_access_key() + "|" +
         (*credentials)->session_token();
}

TEST(S3Config, TakesCredentialsFromTheEnvironment) {
  EXPECT_EQ(credentials_of({}), "none");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "k"}}), "none");
  EXPECT_EQ(credentials_of({{"AWS_SECRET_ACCESS_KEY", "s"}}), "none");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", "s"}}), "none");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "  "}, {"AWS_SECRET_ACCESS_KEY", "s"}}), "none");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "k"}, {"AWS_SECRET_ACCESS_KEY", " "}}), "none");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "k\r\nx: y"}, {"AWS_SECRET_ACCESS_KEY", "s"}}),
            "the access key id has control characters");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "k"}, {"AWS_SECRET_ACCESS_KEY", "s"}}), "k|s|");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "k"}, {"SECRET_ACCESS_KEY", "old"}}), "k|old|");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "k"},
                            {"AWS_SECRET_ACCESS_KEY", " "},
                            {"SECRET_ACCESS_KEY", "old"}}),
            "k|old|");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", " k "}, {"AWS_SECRET_ACCESS_KEY", " s "}}),
            "k|s|");
  EXPECT_EQ(credentials_of({{"AWS_ACCESS_KEY_ID", "k"},
                            {"AWS_SECRET_ACCESS_KEY", "s"},
                            {"AWS_SESSION_TOKEN", " t \n"}}),
            "k|s|t");
  EXPECT_EQ(
      credentials_of(
          {{"AWS_ACCESS_KEY_ID", "k"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_SESSION_TOKEN", " "}}),
      "k|s|");
}

TEST(S3Config, CredentialsFormatRedacted) {
  const aws::Credentials credentials("key", "secret", "token");
  EXPECT_EQ(fmt::format("{}", credentials), "** redacted **");
}

std::string region_of(Variables variables) { return config_of(std::move(variables))->region; }

TEST(S3Config, TakesTheRegion) {
  EXPECT_EQ(region_of({}), "");
  EXPECT_EQ(region_of({{"AWS_REGION", "a"}}), "a");
  EXPECT_EQ(region_of({{"AWS_REGION", "a"}, {"AWS_DEFAULT_REGION", "b"}}), "a");
  EXPECT_EQ(region_of({{"AWS_REGION", ""}, {"AWS_DEFAULT_REGION", "b"}}), "b");
  EXPECT_EQ(region_of({{"AWS_DEFAULT_REGION", "b"}}), "b");
}

std::string endpoint_of(Variables variables) {
  const S3Config config = config_of(std::move(variables)).value();
  return config.endpoint ? host_header(*config.endpoint) : "none";
}

TEST(S3Config, TakesTheEndpoint) {
  EXPECT_EQ(endpoint_of({}), "none");
  EXPECT_EQ(endpoint_of({{"AWS_ENDPOINT_URL", "http://a:1"}}), "a:1");
  EXPECT_EQ(
      endpoint_of({{"AWS_ENDPOINT_URL", "http://a:1"}, {"AWS_ENDPOINT_URL_S3", "http://b:2"}}),
      "b:2");
  EXPECT_EQ(endpoint_of({{"AWS_ENDPOINT_URL", "http://a:1"}, {"AWS_ENDPOINT_URL_S3", ""}}), "a:1");
  EXPECT_EQ(endpoint_of({{"AWS_ENDPOINT_URL", "http://a:1"},
                         {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"}}),
            "none");
  EXPECT_EQ(endpoint_of({{"AWS_ENDPOINT_URL", "http://a:1"},
                         {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "no"}}),
            "a:1");
}

TEST(S3Config, ValuesThatCannotBeMeantAreRefused) {
  for (const Variables& variables :
       {Variables{{"AWS_ENDPOINT_URL", "minio:9000"}}, Variables{{"AWS_MAX_ATTEMPTS", "0"}},
        Variables{{"AWS_MAX_ATTEMPTS", "-1"}}, Variables{{"AWS_MAX_ATTEMPTS", "many"}}}) {
    const Result<S3Config> config = config_of(variables);
    ASSERT_FALSE(config.has_value());
    EXPECT_THAT(config.error().message(), ::testing::HasSubstr(variables.begin()->second));
  }
  EXPECT_EQ(config_of({{"AWS_MAX_ATTEMPTS", "7"}})->limits.attempts_max, 7u);
}

TEST(S3Config, TakesTheEndpointsKind) {
  EXPECT_FALSE(config_of({})->fips);
  EXPECT_TRUE(config_of({{"AWS_USE_FIPS_ENDPOINT", "TRUE"}})->fips);
  EXPECT_FALSE(config_of({{"AWS_USE_FIPS_ENDPOINT", "false"}})->fips);
  EXPECT_FALSE(config_of({{"AWS_USE_FIPS_ENDPOINT", "yes"}})->fips);
  EXPECT_TRUE(config_of({{"AWS_USE_DUALSTACK_ENDPOINT", "true"}})->dual_stack);
  EXPECT_FALSE(config_of({{"AWS_USE_FIPS_ENDPOINT", "true"}})->dual_stack);
}

TEST(S3Config, OtherRetryModesCountAsStandardUnknownOnesAreRefused) {
  for (const char* mode : {"", "standard", "Adaptive", "legacy"})
    EXPECT_TRUE(config_of({{"AWS_RETRY_MODE", mode}}).has_value()) << mode;
  EXPECT_FALSE(config_of({{"AWS_RETRY_MODE", "eager"}}).has_value());
}

TEST(S3Config, TakesTheApplicationsName) {
  EXPECT_EQ(config_of({{"AWS_SDK_UA_APP_ID", "my-app"}})->app_id, "my-app");
  EXPECT_EQ(config_of({{"AWS_SDK_UA_APP_ID", std::string(50, 'x')}})->app_id.size(), 50u);
  EXPECT_EQ(config_of({{"AWS_SDK_UA_APP_ID", std::string(51, 'x')}})->app_id, "");
  EXPECT_EQ(config_of({{"AWS_SDK_UA_APP_ID", "a\r\nb: c"}})->app_id, "");
}

TEST(S3Config, TakesTheProxies) {
  const Result<S3Config> config =
      config_of({{"HTTPS_PROXY", "http://proxy:3128"}, {"NO_PROXY", "10.0.0.0/8"}});
  EXPECT_NE(config->proxies->proxy_for(Scheme::kHttps, "store"), nullptr);
  EXPECT_EQ(config->proxies->proxy_for(Scheme::kHttps, "10.1.2.3"), nullptr);
  EXPECT_EQ(config->proxies->proxy_for(Scheme::kHttp, "store"), nullptr);
  EXPECT_FALSE(config_of({{"HTTPS_PROXY", "socks5://proxy"}}).has_value());
}

TEST(S3Config, TakesTheTrustStore) {
  const auto config = config_of({{"AWS_CA_BUNDLE", "/bundle"}});
  EXPECT_EQ(config->ca_file, "/bundle");
  const auto other = config_of({{"AWS_CA_BUNDLE", "/bundle"}, {"SSL_CERT_DIR", "/d"}});
  EXPECT_EQ(other->ca_file, "");
  EXPECT_EQ(other->ca_dir, "/d");
}

TEST(SystemLookUp, NamesUnderLocalhostAreLoopback) {
  const auto addresses = system_look_up("my-bucket.localhost");
  ASSERT_TRUE(addresses.has_value());
  ASSERT_EQ(addresses->size(), 2u);
  EXPECT_EQ(addresses->front().to_string(), "127.0.0.1");
  EXPECT_EQ(addresses->back().to_string(), "::1");
}

}  // namespace
}  // namespace cachey::origin
