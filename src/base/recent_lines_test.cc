#include "base/recent_lines.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::system_clock::time_point;

TEST(RecentLines, ComeNewestFirstAndEachOnce) {
  RecentLines lines;
  lines.add(Time(1s), "warning", "a", "n=1");
  lines.add(Time(2s), "error", "b", "");
  lines.add(Time(3s), "warning", "a", "n=1");
  const auto kept = lines.newest_first();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].event, "a");
  EXPECT_EQ(kept[0].text, "n=1");
  EXPECT_EQ(kept[0].count, 2u);
  EXPECT_EQ(kept[0].time, Time(3s));
  EXPECT_EQ(kept[1].level, "error");
  EXPECT_EQ(kept[1].count, 1u);
}

TEST(RecentLines, AFloodOfOneEventLeavesRoomForOthers) {
  RecentLines lines;
  lines.add(Time(1s), "warning", "other", "");
  for (int i = 0; i < 1000; ++i) lines.add(Time(2s), "warning", "flood", std::to_string(i));
  const auto kept = lines.newest_first();
  ASSERT_EQ(kept.size(), RecentLines::kLinesPerEvent + 1);
  EXPECT_EQ(kept.front().text, "999");
  EXPECT_EQ(kept.back().event, "other");
}

TEST(RecentLines, AreBounded) {
  RecentLines lines;
  const std::string events = "abcdefghijklmnopqrstuvwxyz";
  for (size_t i = 0; i < events.size(); ++i)
    lines.add(Time(1s), "warning", std::string_view(events).substr(i, 1), std::string(9999, 'x'));
  const auto kept = lines.newest_first();
  ASSERT_EQ(kept.size(), RecentLines::kLinesMax);
  EXPECT_EQ(kept.front().event, "z");
  EXPECT_EQ(kept.back().event, "g");
  EXPECT_EQ(kept.front().text.size(), RecentLines::kTextBytesMax);
}

TEST(RecentLines, ALongTextIsCutBetweenCharacters) {
  RecentLines lines;
  lines.add(Time(1s), "warning", "a",
            std::string(RecentLines::kTextBytesMax - 1, 'x') + "\xe6\x97\xa5");
  EXPECT_EQ(lines.newest_first()[0].text, std::string(RecentLines::kTextBytesMax - 1, 'x'));
}

TEST(RecentLines, LinesThatWereLeftOutCount) {
  RecentLines lines;
  lines.add_repeat("unknown");
  lines.add(Time(1s), "warning", "a", "1");
  lines.add(Time(1s), "warning", "a", "2");
  lines.add_repeat("a");
  EXPECT_EQ(lines.newest_first()[0].count, 2u);
  EXPECT_EQ(lines.newest_first()[1].count, 1u);
}

}  // namespace
}  // namespace cachey
