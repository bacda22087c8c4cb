// Options from environment variables.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "app/options/options.h"
#include "app/options/testing/parse.h"
#include "base/units.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::expected<Options, Exit> parse_environment(std::vector<const char*> environment) {
  return parse({}, std::move(environment));
}

TEST(EnvironmentOptions, AnEmptyVariableSaysNothingAndAnUnknownOneIsAWarning) {
  const auto options = parse_environment(
      {"CACHEY_LISTEN=127.0.0.1", "CACHEY_PORT=", "CACHEY_MEMROY=1GiB", "CACHEY", "PORT=99999"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->port, 80);
  EXPECT_THAT(options->warnings,
              ElementsAre(AllOf(HasSubstr("CACHEY_MEMROY"), HasSubstr("CACHEY_MEMORY"))));
}

TEST(EnvironmentOptions, KubernetesOwnVariablesAreNoOptions) {
  const auto options = parse_environment(
      {"CACHEY_MEMORY=64MiB", "CACHEY_PORT=tcp://10.43.7.9:8081", "CACHEY_SERVICE_HOST=10.43.7.9",
       "CACHEY_SERVICE_PORT=8081", "CACHEY_SERVICE_PORT_HTTP=8081",
       "CACHEY_PORT_8081_TCP=tcp://10.43.7.9:8081", "CACHEY_PORT_8081_TCP_PROTO=tcp",
       "CACHEY_PORT_8081_TCP_PORT=8081", "CACHEY_PORT_8081_TCP_ADDR=10.43.7.9",
       "CACHEY_ADMIN_PORT=udp://10.43.7.8:53", "CACHEY_ADMIN_SERVICE_HOST=10.43.7.8",
       "CACHEY_DRAIN_TIMEOUT=7"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->port, 80);
  EXPECT_EQ(options->drain_timeout, 7s);
  const auto about = [&](const char* word) {
    return std::ranges::count_if(options->warnings,
                                 [word](const std::string& text) { return text.contains(word); });
  };
  EXPECT_EQ(about("CACHEY_"), 1) << "one line for all";
  EXPECT_EQ(about("enableServiceLinks"), 1);
  EXPECT_EQ(parse_environment({"CACHEY_PORT=8081"})->port, 8081);
  EXPECT_EQ(parse_environment({"CACHEY_PORT=tcp://1.2.3.4:5", "CACHEY_LISTEN=127.0.0.1"})->port,
            80);
  EXPECT_THAT(parse_environment({"CACHEY_PORT=http://x"}).error().text, HasSubstr("CACHEY_PORT"));
  EXPECT_THAT(parse_environment({"CACHEY_PORTS=1"})->warnings.front(), HasSubstr("CACHEY_PORTS"));
}

TEST(EnvironmentOptions, FlagsOfTheEnvironmentHaveSeveralWords) {
  for (const char* yes : {"true", "1", "yes", "ON", "True"}) {
    const std::string variable = std::string("CACHEY_TLS_SELF=") + yes;
    EXPECT_TRUE(parse_environment({variable.c_str()})->tls.self_signed) << yes;
  }
  for (const char* no : {"false", "0", "No", "off"}) {
    const std::string variable = std::string("CACHEY_IOURING=") + no;
    EXPECT_FALSE(parse_environment({variable.c_str()})->iouring) << no;
  }
  for (const char* neither : {"2", "y", "enabled", "truee"}) {
    const std::string variable = std::string("CACHEY_IOURING=") + neither;
    EXPECT_THAT(parse_environment({variable.c_str()}).error().text,
                HasSubstr("neither true nor false"));
  }
}

}  // namespace
}  // namespace cachey::app
