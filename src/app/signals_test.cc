#include "app/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "base/log.h"

namespace cachey::app {
namespace {

TEST(Signals, HangupReadsEverythingAgainAndAFaultStopsNothing) {
  Signals signals([] {});
  int begun = 0;
  std::string failed;
  signals.around_reloads(
      {[&begun] { ++begun; }, [&failed](const std::string& what) { failed += what + ";"; }});
  int reloads = 0;
  signals.on_reload("broken", [&reloads]() -> Result<std::string> {
    ++reloads;
    return fail(ErrorKind::kBadRequest, "on purpose");
  });
  signals.on_reload("whole", [&reloads]() -> Result<std::string> {
    ++reloads;
    ::kill(::getpid(), reloads < 4 ? SIGHUP : SIGTERM);
    return "fine";
  });
  ::kill(::getpid(), SIGHUP);
  signals.wait_for_first();
  EXPECT_EQ(reloads, 4);
  EXPECT_EQ(begun, 2);
  EXPECT_EQ(failed, "broken;broken;");
}

TEST(Signals, TheWaitMayHaveALimit) {
  Signals signals([] {});
  EXPECT_FALSE(signals.wait_for_first(std::chrono::milliseconds(0)));
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(signals.wait_for_first(std::chrono::seconds(60)));
  EXPECT_TRUE(signals.wait_for_first(std::chrono::milliseconds(0))) << "it has come already";
  signals.wait_for_first();
}

TEST(Signals, MayGoOnAsBeforeAfterTheFirst) {
  int seconds = 0;
  Signals signals([&seconds] { ++seconds; });
  int reloads = 0;
  signals.on_reload("part", [&reloads]() -> Result<std::string> {
    ++reloads;
    return "fine";
  });
  ::kill(::getpid(), SIGTERM);
  signals.wait_for_first();
  ::kill(::getpid(), SIGHUP);
  signals.run_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(reloads, 1);
  EXPECT_GE(seconds, 1);
}

TEST(Signals, AHangupAfterAllIsOverDoesNotEndTheProcess) {
  {
    const Signals signals([] {});
  }
  ::kill(::getpid(), SIGHUP);
}

TEST(Signals, WhenAShutdownHasBegunNothingIsReadAgain) {
  Signals signals([] {});
  auto part = std::make_shared<int>();
  signals.on_reload("part", [part]() -> Result<std::string> { return "fine"; });
  ::kill(::getpid(), SIGINT);
  signals.wait_for_first();
  signals.watch_for_second();
  EXPECT_EQ(part.use_count(), 1);
  ::kill(::getpid(), SIGHUP);
}

TEST(SignalsDeathTest, ASecondOneEndsTheProcess) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        log::start(log::Level::kInfo);
        Signals signals([] {});
        ::kill(::getpid(), SIGTERM);
        signals.wait_for_first();
        signals.watch_for_second();
        ::kill(::getpid(), SIGTERM);
        while (true) ::pause();
      },
      ::testing::ExitedWithCode(1), "second signal");
}

}  // namespace
}  // namespace cachey::app
