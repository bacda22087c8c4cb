#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/recent_lines.h"

namespace cachey {
namespace {

using namespace std::chrono_literals;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

/// The log's lines, from a pipe.
class Log : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe(ends_.data()), 0);
    sink_ = std::make_unique<LineSink>(ends_[1], LineSinkConfig());
  }
  void TearDown() override {
    log::start(log::Level::kOff, LogFormat::kText, nullptr);
    sink_.reset();
    for (const int end : ends_) ::close(end);
  }
  std::string written() {
    EXPECT_TRUE(sink_->flush(60s));
    std::string text(65'536, '\0');
    (void)::write(ends_[1], "\n", 1);  // so that read() returns
    text.resize(
        static_cast<size_t>(std::max<ssize_t>(0, ::read(ends_[0], text.data(), text.size()))));
    return text;
  }

  std::array<int, 2> ends_{};
  std::unique_ptr<LineSink> sink_;
  ManualClock clock_{MonoTime(1h)};
};

// An event is a view of text that lives as long as the process.
static_assert(std::is_convertible_v<const char (&)[4], log::Event>);
static_assert(!std::is_convertible_v<std::string, log::Event>);
static_assert(!std::is_convertible_v<std::string_view, log::Event>);

TEST_F(Log, ALineHasTimeLevelEventAndFields) {
  log::start(log::Level::kInfo, LogFormat::kText, sink_.get());
  log::info("it happened", {{"count", 3}});
  EXPECT_THAT(written(), ContainsRegex("^20[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z info it happened "
                                       "count=3\n"));
}

TEST_F(Log, TheTimeIsTheClocks) {
  clock_.set_unix_seconds(951'782'399);
  log::start(log::Level::kInfo, LogFormat::kText, sink_.get(), &clock_);
  log::info("leap day");
  EXPECT_EQ(written().substr(0, 24), "2000-02-28T23:59:59.000Z");
}

TEST_F(Log, WhatIsBelowTheLevelIsNotWritten) {
  log::start(log::Level::kWarn, LogFormat::kJson, sink_.get());
  EXPECT_FALSE(log::enabled(log::Level::kInfo));
  log::debug("no");
  log::info("no");
  log::warn("yes");
  log::error("yes");
  const std::string text = written();
  EXPECT_THAT(text, Not(HasSubstr("no")));
  EXPECT_THAT(text, HasSubstr("\"level\":\"warning\",\"event\":\"yes\"}"));
  EXPECT_THAT(text, HasSubstr("\"level\":\"error\",\"event\":\"yes\"}"));
}

TEST_F(Log, AFloodOfOneEventIsLimitedAndOthersAreNot) {
  log::start(log::Level::kInfo, LogFormat::kText, sink_.get(), &clock_);
  const uint64_t before = log::suppressed();
  for (int i = 0; i < 1000; ++i) log::warn("flood");
  log::warn("another");
  EXPECT_EQ(log::suppressed() - before, 1000 - log::kLinesPerSecondMax);
  EXPECT_THAT(written(), HasSubstr("another"));
}

TEST_F(Log, LinesOfAnAuditAreNotLimited) {
  log::start(log::Level::kInfo, LogFormat::kText, sink_.get(), &clock_);
  const uint64_t before = log::suppressed();
  for (int i = 0; i < 100; ++i) log::audit(log::Level::kInfo, "audited", {{"n", i}});
  log::audit(log::Level::kDebug, "below the level", {});
  EXPECT_EQ(log::suppressed(), before);
  const std::string text = written();
  EXPECT_THAT(text, HasSubstr("info audited n=0\n"));
  EXPECT_THAT(text, HasSubstr("info audited n=99\n"));
  EXPECT_THAT(text, Not(HasSubstr("below")));
}

TEST_F(Log, TheLastWarningsAndErrorsAreKept) {
  log::start(log::Level::kInfo, LogFormat::kJson, sink_.get(), &clock_);
  log::info("not a warning");
  for (int i = 0; i < 1000; ++i) log::warn("a kept flood", {{"text", "two words"}});
  log::error("a kept error", {{"n", 3}});
  const auto kept = log::recent_warnings();
  ASSERT_GE(kept.size(), 2u);
  EXPECT_EQ(kept[0].level, "error");
  EXPECT_EQ(kept[0].event, "a kept error");
  EXPECT_EQ(kept[0].text, "n=3");
  EXPECT_EQ(kept[1].event, "a kept flood");
  EXPECT_EQ(kept[1].text, "text=\"two words\"");
  EXPECT_EQ(kept[1].count, 1000u);
}

TEST_F(Log, TheNextLineAfterAFloodSaysHowManyWereLeftOut) {
  log::start(log::Level::kInfo, LogFormat::kText, sink_.get(), &clock_);
  for (int i = 0; i < 1000; ++i) log::warn("another flood");
  clock_.advance(999ms);
  log::warn("another flood");
  EXPECT_THAT(written(), Not(HasSubstr("suppressed=")));
  clock_.advance(1ms);
  log::warn("another flood");
  log::warn("another flood");
  EXPECT_THAT(written(), ContainsRegex("another flood suppressed=991\n.*another flood\n"));
}

}  // namespace
}  // namespace cachey
