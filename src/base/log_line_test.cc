#include "base/log_line.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

namespace cachey {
namespace {

std::string line_of(LogFormat format, const std::vector<LogField>& fields) {
  LogLine line(format);
  line.add_word("event", "something happened");
  for (const LogField& field : fields) line.add(field);
  return std::string(line.finish());
}

TEST(LogLine, TextHasBareWordsAndQuotedTexts) {
  EXPECT_EQ(line_of(LogFormat::kText, {{"n", 3},
                                       {"big", std::numeric_limits<uint64_t>::max()},
                                       {"low", -7},
                                       {"yes", true},
                                       {"ratio", 0.25},
                                       {"address", "127.0.0.1:80"},
                                       {"text", "two words"},
                                       {"quote", "a\"b\\c"},
                                       {"assigns", "a=b"},
                                       {"nothing", ""}}),
            "something happened n=3 big=18446744073709551615 low=-7 yes=true ratio=0.25 "
            "address=127.0.0.1:80 text=\"two words\" quote=\"a\\\"b\\\\c\" assigns=\"a=b\"");
}

TEST(LogLine, JsonHasMembersOfTheirTypes) {
  const auto json = nlohmann::json::parse(
      line_of(LogFormat::kJson,
              {{"n", 3}, {"low", -7}, {"yes", false}, {"ratio", 0.25}, {"text", "ü \"x\""}}));
  EXPECT_EQ(json, (nlohmann::json{{"event", "something happened"},
                                  {"n", 3},
                                  {"low", -7},
                                  {"yes", false},
                                  {"ratio", 0.25},
                                  {"text", "ü \"x\""}}));
}

TEST(LogLine, HostileTextStaysInItsField) {
  for (const std::string& text : std::vector<std::string>{
           "a\nb", "\r\n2026 info forged", "\x1b[31mred", std::string("nul\0nul", 7), "\xff\xfe",
           "c1 \xc2\x9b", "\"},{\"", "\\", "\xe2\x80", std::string(100'000, '\xc3'),
           std::string(100'000, '"'), std::string(600, '\xbf')}) {
    for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
      const std::string line = line_of(format, {{"text", text}, {"after", 1}});
      EXPECT_LE(line.size(), LogLine::kBytesMax);
      for (const char c : line) EXPECT_TRUE(c >= 0x20 && c != 0x7f) << line;
      if (format == LogFormat::kJson) {
        const auto json = nlohmann::json::parse(line);
        EXPECT_EQ(json.size(), 3u);
        EXPECT_EQ(json["after"], 1);
      } else {
        EXPECT_TRUE(line.ends_with(" after=1")) << line;
      }
    }
  }
}

TEST(LogLine, ALongTextIsCutBetweenCharacters) {
  const std::string text(LogLine::kValueBytesMax - 4, 'x');
  const auto json =
      nlohmann::json::parse(line_of(LogFormat::kJson, {{"text", text + "\xe6\x97\xa5 and more"}}));
  EXPECT_EQ(json["text"], text + "\xe6\x97\xa5...");
}

TEST(LogLine, FieldsPastTheLimitAreLeftOutAndSaidSo) {
  const std::string long_text(LogLine::kValueBytesMax, '\x01');
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    std::vector<LogField> fields(20, LogField("long", long_text));
    fields.emplace_back("small", 1);
    const std::string line = line_of(format, fields);
    EXPECT_LE(line.size(), LogLine::kBytesMax);
    EXPECT_NE(line.find("truncated"), std::string::npos);
    if (format == LogFormat::kJson) EXPECT_EQ(nlohmann::json::parse(line)["truncated"], true);
  }
}

TEST(LogLine, TimesAreUtcWithMilliseconds) {
  using std::chrono::milliseconds;
  const std::chrono::system_clock::time_point time{milliseconds(1'769'903'999'007)};
  EXPECT_EQ(format_log_time(time), "2026-01-31T23:59:59.007Z");
}

TEST(LogLine, QuotedEscapesAndCuts) {
  EXPECT_EQ(log::quoted("a\"\n"), "\"a\\\"\\x0a\"");
  EXPECT_EQ(log::quoted("abcdef", 3), "\"abc...\"");
}

}  // namespace
}  // namespace cachey
