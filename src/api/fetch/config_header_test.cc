#include "api/fetch/config_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::api {
namespace {

using namespace std::chrono_literals;

TEST(ConfigHeader, ReadsEveryKey) {
  const auto config = parse_config("ct=1 rt=2 ot=3 oat=4 ma=5 ib=6 mb=7 fps=true");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->connect_timeout, 1ms);
  EXPECT_EQ(config->first_byte_timeout, 2ms);
  EXPECT_EQ(config->operation_timeout, 3ms);
  EXPECT_EQ(config->attempt_timeout, 4ms);
  EXPECT_EQ(config->attempts_max, 5u);
  EXPECT_EQ(config->backoff_initial, 6ms);
  EXPECT_EQ(config->backoff_max, 7ms);
  EXPECT_EQ(config->path_style, true);
}

TEST(ConfigHeader, WarmIsTheLastOne) {
  EXPECT_FALSE(*parse_warm("ct=1 warmer=1"));
  EXPECT_TRUE(*parse_warm(" warm=0  ct=1 warm=1"));
  EXPECT_FALSE(*parse_warm("warm=1 warm=0"));
  for (const char* value : {"warm=", "warm=2", "warm=true", "warm=01"}) {
    EXPECT_EQ(parse_warm(value).error().kind(), ErrorKind::kBadRequest) << value;
  }
}

TEST(ConfigHeader, IsLenientWhereItShouldBe) {
  EXPECT_EQ(parse_config(""), origin::RequestConfig());
  EXPECT_EQ(parse_config("  \t "), origin::RequestConfig());
  EXPECT_EQ(parse_config("unknown=x y="), origin::RequestConfig());
  EXPECT_EQ(parse_config(" ma=1   ma=2\t")->attempts_max, 2u) << "the last counts";
  EXPECT_EQ(parse_config("ma=0")->attempts_max, 0u);
  EXPECT_TRUE(parse_config("ct=18446744073709551615"));
}

TEST(ConfigHeader, CutsEachTimeAtTheMaximum) {
  const auto config = parse_config("ct=5001 rt=86400000 ot=5002 oat=9999 ib=6000 mb=7000 ma=9", 5s);
  ASSERT_TRUE(config);
  for (const auto& time :
       {config->connect_timeout, config->first_byte_timeout, config->operation_timeout,
        config->attempt_timeout, config->backoff_initial, config->backoff_max}) {
    EXPECT_EQ(time, 5s);
  }
  EXPECT_EQ(config->attempts_max, 9u);
  EXPECT_EQ(parse_config("ot=4999", 5s)->operation_timeout, 4999ms);
  EXPECT_EQ(parse_config("ct=18446744073709551615")->connect_timeout, kClientLimitMax);
}

TEST(ConfigHeader, NamesTheKeyAtFault) {
  for (const char* text : {"ct",
                           "ct=",
                           "ct=x",
                           "ct=-1",
                           "ct=+1",
                           "ct=1.5",
                           "ct=1ms",
                           "ct= 1",
                           "ct=18446744073709551616",
                           "rt=a",
                           "ot=a",
                           "oat=a",
                           "ib=a",
                           "mb=a",
                           "ma=a",
                           "ma=4294967296",
                           "ma=-1",
                           "fps=1",
                           "fps=TRUE",
                           "fps=",
                           "ct=1 fps",
                           "=="}) {
    const auto config = parse_config(text);
    if (std::string_view(text) == "==") {
      EXPECT_TRUE(config) << "an empty key is an unknown one";
      continue;
    }
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().kind(), ErrorKind::kBadRequest);
    EXPECT_THAT(config.error().message(), ::testing::StartsWith("C0-Config: ")) << text;
  }
  EXPECT_THAT(parse_config("ct=1 oat=x").error().message(), ::testing::HasSubstr("oat"));
}

}  // namespace
}  // namespace cachey::api
