#include "app/counted_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/captured_log.h"

namespace cachey::app {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CountedLinesTest : public ::testing::Test {
 protected:
  CountedLinesTest() {
    lines_.watch(
        "misses refused", "raise --memory",
        {{"forecast", [this] { return forecast_; }}, {"timeout", [this] { return timeout_; }}});
  }

  /// A look each second.
  void pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock_.advance(std::chrono::seconds(1));
      lines_.look();
    }
  }
  /// The lines since the last call, without their times.
  std::string written() {
    std::string text = log_.text();
    const std::string all = std::exchange(read_, text);
    return text.substr(all.size());
  }

  ManualClock clock_;
  const CapturedLog log_;
  std::string read_;
  uint64_t forecast_ = 7;  // before the watch: of no interest
  uint64_t timeout_ = 0;
  CountedLines lines_{clock_};
};

TEST_F(CountedLinesTest, NothingIsWrittenWhileNothingHappens) {
  pass(200);
  EXPECT_THAT(written(), IsEmpty());
}

TEST_F(CountedLinesTest, TheFirstEventIsWrittenWithinASecond) {
  pass(200);
  forecast_ += 3;
  pass(1);
  EXPECT_THAT(written(), EndsWith("warning misses refused count=3 seconds=1 causes=\"forecast 3\" "
                                  "advice=\"raise --memory\"\n"));
}

TEST_F(CountedLinesTest, FurtherEventsAreWrittenOnceAMinuteAndNoneIsLeftOut) {
  for (int i = 0; i < 30; ++i) {
    forecast_ += 2;
    timeout_ += 1;
    pass(1);
  }
  EXPECT_THAT(written(), EndsWith("causes=\"forecast 2, timeout 1\" advice=\"raise --memory\"\n"));
  pass(30);
  EXPECT_THAT(written(), IsEmpty());
  pass(1);
  EXPECT_THAT(written(), EndsWith("count=87 seconds=60 causes=\"forecast 58, timeout 29\" "
                                  "advice=\"raise --memory\"\n"));
}

TEST_F(CountedLinesTest, AfterAMinuteWithoutEventsTheNextOneIsWrittenAtOnce) {
  forecast_ += 1;
  pass(1);
  pass(61);
  (void)written();
  forecast_ += 1;
  pass(1);
  EXPECT_THAT(written(),
              EndsWith("count=1 seconds=1 causes=\"forecast 1\" advice=\"raise --memory\"\n"));
}

TEST_F(CountedLinesTest, EachNameHasLinesOfItsOwn) {
  std::vector<CountedLines::Named> totals = {{"a", 0, 10}};
  lines_.watch_each("bucket throttles", "bucket", "fewer misses", [&] { return totals; });
  pass(1);
  totals = {{"a", 2, 14}, {"b", 1, 1}};
  pass(1);
  const std::string first = written();
  EXPECT_THAT(first, HasSubstr("bucket throttles bucket=a count=2 of=4 seconds=1 "));
  EXPECT_THAT(first, HasSubstr("bucket throttles bucket=b count=1 of=1 seconds=1 "));
  totals[0] = {"a", 5, 20};
  pass(59);
  EXPECT_THAT(written(), IsEmpty());
  pass(1);
  EXPECT_THAT(written(), EndsWith("bucket=a count=3 of=6 seconds=60 advice=\"fewer misses\"\n"));
}

}  // namespace
}  // namespace cachey::app
