#include "app/options/option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/options/config_file.h"
#include "app/options/value_types.h"

namespace cachey::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// The faults of setting `option` to `values`.
std::vector<std::string> faults_of(Option& option, std::vector<std::string> values) {
  std::vector<std::string> faults;
  apply({.settings = {{option.name, std::move(values), "a source", "label"}}},
        std::span(&option, 1), faults);
  return faults;
}

TEST(Option, AnAddedOneIsOneLine) {
  unsigned rounds = 3;
  Option option = one("rounds", number_value(1u, 9u), rounds, "How many");
  EXPECT_EQ(option.default_text, "3");
  EXPECT_THAT(faults_of(option, {"7"}), IsEmpty());
  EXPECT_EQ(rounds, 7u);
  EXPECT_EQ(option.source, "a source");
  EXPECT_THAT(faults_of(option, {"10"}),
              ElementsAre("label: \"10\" is not a whole number from 1 to 9"));
  EXPECT_EQ(rounds, 7u) << "a refused value changes nothing";
  EXPECT_THAT(faults_of(option, {"1", "2"}), ElementsAre("label: is given more than once"));
}

TEST(Option, AListIsReplacedAsAWholeAndEveryBadValueIsNamed) {
  std::vector<ListenOption> addresses = {{"0.0.0.0", {}}};
  Option option = many("listen", address_value(Port::kOptional), addresses, "Where");
  EXPECT_THAT(faults_of(option, {"::1", "127.0.0.1:81"}), IsEmpty());
  EXPECT_THAT(option.get(), ElementsAre("::1", "127.0.0.1:81"));
  EXPECT_THAT(faults_of(option, {"x", "::", "y"}),
              ElementsAre(HasSubstr("\"x\""), HasSubstr("\"y\"")));
  EXPECT_THAT(option.get(), ElementsAre("::1", "127.0.0.1:81"));
  EXPECT_THAT(faults_of(option, std::vector<std::string>(kValuesMax + 1, "::")),
              ElementsAre("label: takes at most 256"));
}

TEST(Option, NoValueHasControlCharacters) {
  std::string path;
  Option option = one("path", path_value(), path, "Where");
  for (const char* value : {"a\nb", "\x1b[2J", "\xff", "a\xC2\x85"}) {
    EXPECT_THAT(faults_of(option, {value}),
                ElementsAre("label: must be UTF-8 without control characters"));
  }
}

TEST(Option, ASecretIsShownNowhere) {
  std::string word = "hunter2";
  Option option =
      one("word", word_value<std::string>("WORD", {{"hunter2", "hunter2"}, {"open", "open"}}), word,
          "The word");
  option.secret = true;
  EXPECT_THAT(faults_of(option, {"sesame"}),
              ElementsAre(AllOf(HasSubstr("label: "), Not(HasSubstr("sesame")))));
  const std::string text = write_config_text(std::span(&option, 1));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("hunter2")), HasSubstr("word is not shown")));
  EXPECT_THAT(read_config_text(text, "file", std::span(&option, 1)).faults, IsEmpty());
}

TEST(Option, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> names = {"memory", "port", "tls-cert"};
  EXPECT_EQ(suggestion("memroy", names), "; did you mean memory?");
  EXPECT_EQ(suggestion("tls-crt", names), "; did you mean tls-cert?");
  EXPECT_EQ(suggestion("quorum-size", names), "");
  EXPECT_EQ(suggestion("", names), "");
  EXPECT_EQ(suggestion(std::string(100'000, 'x'), names), "");
}

TEST(Option, SecondsKeepWhatTheySay) {
  const auto type = seconds_value();
  for (const char* text : {"0.001", "0.57", "1", "30", "86400"}) {
    EXPECT_EQ(type.format(*type.parse(text)), text);
  }
  for (const char* text : {"0", "-1", "nan", "inf", "86401", "1s", "", " 1", "0x1"}) {
    EXPECT_FALSE(type.parse(text)) << text;
  }
}

}  // namespace
}  // namespace cachey::app
