#include "origin/credentials/profile_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

namespace cachey::origin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Result<ProfileFiles> parse(std::string_view config, std::string_view credentials = "") {
  return parse_profile_files({"/config", config}, {"/credentials", credentials});
}

Section settings_of(std::string_view lines) {
  return parse("[profile x]\n" + std::string(lines)).value().profiles.at("x");
}

std::string fault_of(std::string_view config, std::string_view credentials = "") {
  const Result<ProfileFiles> files = parse(config, credentials);
  return files ? "none" : files.error().message();
}

TEST(ProfileFiles, ReadsSettings) {
  EXPECT_THAT(settings_of(""), IsEmpty());
  EXPECT_THAT(settings_of("a=b"), ElementsAre(Pair("a", "b")));
  EXPECT_THAT(settings_of("KeY \t= V = w\t \r\n"), ElementsAre(Pair("key", "V = w")));
  EXPECT_THAT(settings_of("a=1\nA=2\n"), ElementsAre(Pair("a", "2")));
  EXPECT_THAT(settings_of("a ="), ElementsAre(Pair("a", "")));
  EXPECT_THAT(settings_of("a b = c\nd = e"), ElementsAre(Pair("d", "e")));
  EXPECT_THAT(settings_of("a = \xe2\x82\xac"), ElementsAre(Pair("a", "\xe2\x82\xac")));
}

TEST(ProfileFiles, WhatWindowsEditorsAddIsPassedOver) {
  const auto files =
      parse("\xEF\xBB\xBF[default]\r\na = 1\r\r\n", "\xEF\xBB\xBF# keys\r\n[x]\r\nb = 2 \t\r\n");
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_THAT(files->profiles.at("default"), ElementsAre(Pair("a", "1")));
  EXPECT_THAT(files->profiles.at("x"), ElementsAre(Pair("b", "2")));
  EXPECT_THAT(parse("\xEF\xBB\xBF").value().profiles, IsEmpty());
  EXPECT_THAT(fault_of("a=b\xEF\xBB\xBF"), HasSubstr("line 1"));
}

TEST(ProfileFiles, CommentsFollowABlankExceptBehindASection) {
  EXPECT_THAT(settings_of("# x\n; y = z\na = b # c\n"), ElementsAre(Pair("a", "b")));
  EXPECT_THAT(settings_of("a = b#c;d\t;e"), ElementsAre(Pair("a", "b#c;d")));
  EXPECT_THAT(settings_of("a = # c"), ElementsAre(Pair("a", "")));
  EXPECT_THAT(parse("[profile y]#c").value().profiles, ElementsAre(Pair("y", IsEmpty())));
  EXPECT_THAT(fault_of("[profile #x]"), HasSubstr("must end with ']'"));
}

TEST(ProfileFiles, ValuesGoOnOverIndentedLines) {
  EXPECT_THAT(settings_of("a = b\n c # d\n\n\t# e\n"), ElementsAre(Pair("a", "b\nc # d\n# e")));
  EXPECT_THAT(settings_of("a b = c\n d\ne = f"), ElementsAre(Pair("e", "f")));
}

TEST(ProfileFiles, ValuesNest) {
  const Section settings =
      settings_of("s3 =\n  Endpoint_URL = http://a # b\n\n  other = \nflat = x\n endpoint_url = y");
  EXPECT_EQ(settings.at("s3"), "\nEndpoint_URL = http://a # b\nother =");
  EXPECT_EQ(nested_setting(settings, "s3", "endpoint_url"), "http://a");
  EXPECT_EQ(nested_setting(settings, "s3", "other"), "");
  EXPECT_EQ(nested_setting(settings, "s3", "none"), "");
  EXPECT_EQ(nested_setting(settings, "sts", "endpoint_url"), "");
  EXPECT_EQ(nested_setting(settings, "flat", "endpoint_url"), "");
}

TEST(ProfileFiles, SectionsHaveAKindAndAName) {
  const ProfileFiles files =
      parse(
          "[ profile\t a ]\n[sso-session s]\nk = 1\n[services v]\nk = 2\n[b]\nk = 3\n"
          "[profile c d]\nk = 4\n[profile]\n[profilex]\n[other o]\n[]\n",
          "[e]\nk = 5\n[profile f]\nk = 6\n[sso-session s]\nk = 7\n")
          .value();
  EXPECT_THAT(files.profiles,
              ElementsAre(Pair("a", IsEmpty()), Pair("e", ElementsAre(Pair("k", "5")))));
  EXPECT_THAT(files.sso_sessions, ElementsAre(Pair("s", ElementsAre(Pair("k", "1")))));
  EXPECT_THAT(files.services, ElementsAre(Pair("v", ElementsAre(Pair("k", "2")))));
}

TEST(ProfileFiles, TheCredentialsFileWinsByKey) {
  const ProfileFiles files = parse("[profile a]\nx = 1\ny = 1\n n\n", "[a]\ny = 2\nz = 2").value();
  EXPECT_THAT(files.profiles.at("a"), ElementsAre(Pair("x", "1"), Pair("y", "2"), Pair("z", "2")));
}

TEST(ProfileFiles, ThePrefixedDefaultReplacesThePlainOne) {
  for (const char* config : {"[default]\na = 1\n[profile default]\nb = 2",
                             "[profile default]\nb = 2\n[default]\na = 1"}) {
    EXPECT_THAT(parse(config, "[default]\nc = 3").value().profiles.at("default"),
                ElementsAre(Pair("b", "2"), Pair("c", "3")));
  }
  EXPECT_THAT(parse("[default]\na = 1\n[default]\nb = 2").value().profiles.at("default"),
              ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST(ProfileFiles, ABrokenLineIsNamedButNotShown) {
  EXPECT_EQ(fault_of("\n# c\nsecret = x"), "\"/config\", line 3: Expected a profile definition");
  EXPECT_EQ(fault_of("[profile a]", "[a]\nsecret"),
            "\"/credentials\", line 2: Expected an '=' sign defining a property");
  EXPECT_THAT(fault_of("[a"), HasSubstr("line 1: Profile definition must end with ']'"));
  EXPECT_THAT(fault_of("[a] b"), HasSubstr("must end with ']'"));
  EXPECT_THAT(fault_of("[a]\n = b"), HasSubstr("line 2: Expected a property definition"));
  EXPECT_THAT(fault_of("[a]\n= b"), HasSubstr("line 2: Property did not have a name"));
  EXPECT_THAT(fault_of("[a]\nb = c\n[a]\n d"), HasSubstr("line 4: Expected a property definition"));
  EXPECT_THAT(fault_of("[a]\nb =\n secret"), HasSubstr("'=' sign defining a sub-property"));
  EXPECT_THAT(fault_of("[a]\nb =\n = secret"), HasSubstr("Sub-property did not have a name"));
}

TEST(ProfileFiles, PassesAwsCases) {
  const char* data = std::getenv("CACHEY_AWS_TEST_DATA");
  if (data == nullptr)
    GTEST_SKIP() << "CACHEY_AWS_TEST_DATA is not set: the folder with profile-parser-tests.json";
  std::ifstream file(std::filesystem::path(data) / "profile-parser-tests.json");
  const nlohmann::json tests = nlohmann::json::parse(file);
  int replayed = 0;
  for (const nlohmann::json& test : tests.at("tests")) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    ++replayed;
    const nlohmann::json& input = test.at("input");
    const std::string config = input.value("configFile", "");
    const std::string credentials = input.value("credentialsFile", "");
    const Result<ProfileFiles> files = parse(config, credentials);
    const nlohmann::json& output = test.at("output");
    if (output.contains("errorContaining")) {
      EXPECT_THAT(fault_of(config, credentials),
                  HasSubstr(output.at("errorContaining").get<std::string>()));
      continue;
    }
    ASSERT_TRUE(files.has_value()) << files.error().message();
    const nlohmann::json& expected = output.at("config");
    const nlohmann::json none = nlohmann::json::object();
    EXPECT_EQ(nlohmann::json(files->profiles), expected.at("profiles"));
    EXPECT_EQ(nlohmann::json(files->sso_sessions), expected.value("sso_sessions", none));
  }
  EXPECT_GE(replayed, 60);
  std::cout << "replayed " << replayed << ", skipped 0\n";
}

}  // namespace
}  // namespace cachey::origin
