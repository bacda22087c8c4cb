#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin/credentials/profile.h"
#include "origin/s3/config.h"
#include "origin/testing/test_settings.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;

Result<S3Config> try_config(const Texts& variables, const Texts& files) {
  return s3_config_from_environment(environment_of(variables), reader_of(files));
}

S3Config config_of(const Texts& variables, const Texts& files) {
  return try_config(variables, files).value();
}

/// The settings with `config` as ~/.aws/config.
S3Config config_with(const std::string& config, Texts variables = {}) {
  variables.emplace("HOME", "/home/me");
  return config_of(variables, {{"/home/me/.aws/config", config}});
}

TEST(Profile, FilesAreWhereTheVariablesSay) {
  const Texts files = {{"/h/.aws/config", "[default]\nregion = home"},
                       {"/h/c", "[default]\nregion = expanded"},
                       {"/elsewhere", "[default]\nregion = named\n"},
                       {"/h/.aws/credentials", "[default]\naws_access_key_id = 1"},
                       {"/keys", "[default]\naws_access_key_id = 2"},
                       {"~/.aws/config", "[default]\nregion = tilde"},
                       {"~h/c", "[default]\nregion = literal"}};
  const auto region = [&](const Texts& variables) {
    return load_profile(environment_of(variables), reader_of(files)).value().region();
  };
  EXPECT_EQ(region({{"HOME", "/h"}}), "home");
  EXPECT_EQ(region({{"HOME", "/h"}, {"AWS_CONFIG_FILE", ""}}), "home");
  EXPECT_EQ(region({{"HOME", "/h"}, {"AWS_CONFIG_FILE", "/elsewhere"}}), "named");
  EXPECT_EQ(region({{"HOME", "/h"}, {"AWS_CONFIG_FILE", "~/c"}}), "expanded");
  EXPECT_EQ(region({{"HOME", "/h"}, {"AWS_CONFIG_FILE", "~h/c"}}), "literal");
  EXPECT_EQ(region({{"HOME", "/h"}, {"AWS_CONFIG_FILE", "/none"}}), "");
  EXPECT_EQ(region({}), "");
  EXPECT_EQ(region({{"AWS_CONFIG_FILE", "~/.aws/config"}}), "");
  const auto key = [&](const Texts& variables) {
    return load_profile(environment_of(variables), reader_of(files))
        .value()
        .get("aws_access_key_id");
  };
  EXPECT_EQ(key({{"HOME", "/h"}}), "1");
  EXPECT_EQ(key({{"HOME", "/h"}, {"AWS_SHARED_CREDENTIALS_FILE", "/keys"}}), "2");
}

TEST(Profile, AnUnusableFileCountsAsEmpty) {
  EXPECT_EQ(config_with("[default]\nregion = \xff").region, "");
  const FileReader refused = [](const std::string&, size_t) -> Result<std::string> {
    return fail(ErrorKind::kInternal, "refused");
  };
  const auto config = s3_config_from_environment(environment_of({{"HOME", "/h"}}), refused);
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->region, "");
}

TEST(Profile, ALongFileIsRefused) {
  const std::string head = std::string("[default]\nregion = r\n");
  const std::string full = head + std::string(kProfileFileBytesMax - head.size(), '\n');
  EXPECT_EQ(config_with(full).region, "r");
  EXPECT_EQ(config_with(full + "\n").region, "");
}

TEST(Profile, ABrokenFileCountsAsAbsentForAllButCredentials) {
  const S3Config config = config_with("[default]\nregion = r\noops", {{"AWS_MAX_ATTEMPTS", "5"}});
  EXPECT_EQ(config.region, "");
  EXPECT_EQ(config.limits.attempts_max, 5u);
}

TEST(Profile, TheRegionIsTheEnvironmentsElseTheProfiles) {
  const std::string config =
      "[default]\nregion = d\n[profile a]\nsource_profile = b\n[profile b]\nsource_profile = c\n"
      "[profile c]\nregion = far\n[profile loop]\nsource_profile = back\n[profile back]\n"
      "source_profile = loop\n[profile self]\nsource_profile = self\n[profile lost]\n"
      "source_profile = none\n";
  const auto region = [&](const Texts& variables) { return config_with(config, variables).region; };
  EXPECT_EQ(region({}), "d");
  EXPECT_EQ(region({{"AWS_DEFAULT_REGION", "e"}}), "e");
  EXPECT_EQ(region({{"AWS_DEFAULT_REGION", "e"}, {"AWS_REGION", "f"}}), "f");
  EXPECT_EQ(region({{"AWS_PROFILE", "a"}}), "far");
  EXPECT_EQ(region({{"AWS_PROFILE", "a"}, {"AWS_REGION", "f"}}), "f");
  for (const char* name : {"loop", "self", "lost", "none"}) {
    EXPECT_EQ(region({{"AWS_PROFILE", name}}), "");
  }
}

TEST(Profile, TheEndpointIsTheEnvironmentsElseTheServicesElseTheProfiles) {
  const std::string plain = "[default]\nendpoint_url = http://p\n";
  const std::string both = plain + "services = v\n[services v]\nsts =\n endpoint_url = http://t\n" +
                           "s3 =\n endpoint_url = http://v/base/\n";
  const std::string ignoring = both + "[default]\nignore_configured_endpoint_urls = TRUE\n";
  const auto endpoint = [](const std::string& config, const Texts& variables = {}) {
    const std::optional<EndpointUrl> url = config_with(config, variables).endpoint;
    return url ? url->host + url->base_path : "none";
  };
  EXPECT_EQ(endpoint("[default]\n"), "none");
  EXPECT_EQ(endpoint(plain), "p");
  EXPECT_EQ(endpoint(plain + "services = none\n"), "p");
  EXPECT_EQ(endpoint(both), "v/base");
  EXPECT_EQ(endpoint(both, {{"AWS_ENDPOINT_URL", "http://e"}}), "e");
  EXPECT_EQ(endpoint(both, {{"AWS_ENDPOINT_URL", "http://e"}, {"AWS_ENDPOINT_URL_S3", "http://s"}}),
            "s");
  EXPECT_EQ(endpoint(both, {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}), "none");
  EXPECT_EQ(endpoint(ignoring), "none");
  EXPECT_EQ(endpoint(ignoring, {{"AWS_ENDPOINT_URL_S3", "http://s"}}), "none");
  EXPECT_EQ(endpoint(ignoring, {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"}}), "v/base");
}

TEST(Profile, AttemptsAreTheEnvironmentsElseTheProfiles) {
  const std::string config = "[default]\nmax_attempts = 7\n";
  EXPECT_EQ(config_with(config).limits.attempts_max, 7u);
  EXPECT_EQ(config_with(config, {{"AWS_MAX_ATTEMPTS", "2"}}).limits.attempts_max, 2u);
  EXPECT_EQ(config_with("[default]\n").limits.attempts_max, 3u);
}

TEST(Profile, ValuesThatCannotBeMeantAreRefusedByName) {
  const auto fault = [](const std::string& config) {
    return try_config({{"AWS_CONFIG_FILE", "/c"}}, {{"/c", config}}).error().message();
  };
  EXPECT_THAT(fault("[default]\nmax_attempts = 0"),
              HasSubstr("max_attempts of profile \"default\": \"0\" is no positive number"));
  EXPECT_THAT(fault("[default]\nendpoint_url = minio:9000"),
              HasSubstr("endpoint_url of profile \"default\": "));
}

}  // namespace
}  // namespace cachey::origin
