#include "origin/credentials/settings.h"

#include <gtest/gtest.h>

#include <utility>

#include "origin/testing/test_settings.h"

namespace cachey::origin {
namespace {

class CredSettings : public ::testing::Test {
 protected:
  Setting get(Texts variables) {
    environment_ = environment_of(std::move(variables));
    return settings_.get("AWS_RETRY_MODE", "retry_mode");
  }

  Environment environment_ = environment_of({});
  const Profile profile_{"mine", parse_profile_files({"c",
                                                      "[profile mine]\n"
                                                      "retry_mode = Legacy\n"
                                                      "region = r\n"
                                                      "endpoint_url = http://own\n"},
                                                     {"", ""})
                                     .value()};
  const Settings settings_{environment_, profile_};
};

TEST_F(CredSettings, TheEnvironmentIsAskedBeforeTheProfile) {
  EXPECT_EQ(get({{"AWS_RETRY_MODE", "standard"}}).value, "standard");
  EXPECT_EQ(get({{"AWS_RETRY_MODE", "standard"}}).name, "AWS_RETRY_MODE");
  EXPECT_EQ(get({}).value, "Legacy");
  EXPECT_EQ(get({}).name, "retry_mode of profile \"mine\"");
}

TEST_F(CredSettings, AnEmptyVariableCountsAsUnset) {
  EXPECT_EQ(get({{"AWS_RETRY_MODE", ""}}).value, "Legacy");
  EXPECT_FALSE(settings_.get("AWS_MAX_ATTEMPTS", "max_attempts").is_set());
}

TEST_F(CredSettings, ValuesAreComparedWithoutCase) {
  EXPECT_TRUE(get({}).is("legacy"));
  EXPECT_FALSE(get({}).is("standard"));
}

TEST_F(CredSettings, TheRegionHasTwoVariables) {
  EXPECT_EQ(settings_.region().value, "r");
  environment_ = environment_of({{"AWS_DEFAULT_REGION", "d"}});
  EXPECT_EQ(settings_.region().value, "d");
  environment_ = environment_of({{"AWS_DEFAULT_REGION", "d"}, {"AWS_REGION", "a"}});
  EXPECT_EQ(settings_.region().value, "a");
}

TEST_F(CredSettings, TheServicesOwnEndpointComesFirst) {
  EXPECT_EQ(settings_.endpoint_url("AWS_ENDPOINT_URL_STS", "sts").value, "http://own");
  environment_ = environment_of({{"AWS_ENDPOINT_URL", "http://a"}});
  EXPECT_EQ(settings_.endpoint_url("AWS_ENDPOINT_URL_STS", "sts").value, "http://a");
  environment_ =
      environment_of({{"AWS_ENDPOINT_URL", "http://a"}, {"AWS_ENDPOINT_URL_STS", "http://s"}});
  EXPECT_EQ(settings_.endpoint_url("AWS_ENDPOINT_URL_STS", "sts").name, "AWS_ENDPOINT_URL_STS");
}

}  // namespace
}  // namespace cachey::origin
