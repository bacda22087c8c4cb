#include "api/status_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <string>
#include <thread>

#include "api/testing/recording_writer.h"
#include "rt/worker.h"

namespace cachey::api {
namespace {

using ::testing::HasSubstr;

TEST(ParseSince, TakesAWholeNumberAndDefaultsToZero) {
  EXPECT_EQ(*parse_since(""), 0u);
  EXPECT_EQ(*parse_since("since=17"), 17u);
  EXPECT_EQ(*parse_since("other=1&since=17&another"), 17u);
  EXPECT_EQ(*parse_since("since=18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(*parse_since("&&"), 0u);
}

TEST(ParseSince, RefusesEverythingElse) {
  for (const char* query :
       {"since=", "since=-1", "since=1x", "since= 1", "since=+1", "since=18446744073709551616",
        "since=1&since=1", "since=0x10", "since=%31", "since=1\n"}) {
    EXPECT_FALSE(parse_since(query)) << query;
  }
}

class StatusDataTest : public ::testing::Test {
 protected:
  void ask(const std::string& target, RecordingWriter& writer) {
    const net::Request request{net::Method::kGet, target, {}};
    const Permit permit = *access_.admit(Scope::kClient, request);
    bool done = false;
    const auto run = [&]() -> rt::Task<void> {
      co_await page_.handle(worker_, request, permit, writer);
      done = true;
    };
    rt::asio::co_spawn(worker_.io(), run, rt::asio::detached);
    while (!done) {  // the pool's thread may have work of the page
      worker_.io().poll();
      std::this_thread::yield();
    }
  }

  ManualClock clock_{std::chrono::steady_clock::now() + std::chrono::years(10)};
  rt::Worker worker_{0, clock_};
  rt::BlockingPool pool_{1};
  Metrics metrics_;
  Access access_{metrics_, std::nullopt, {}};
  bool is_busy_ = false;
  bool is_short_ = true;
  std::thread::id made_on_;
  StatusData page_{{.text =
                        [this](uint64_t since) {
                          made_on_ = std::this_thread::get_id();
                          return is_busy_ ? nullptr
                                          : std::make_shared<const std::string>(
                                                "rows after " + std::to_string(since));
                        },
                    .is_short = [this](uint64_t) { return is_short_; }},
                   pool_};
};

TEST_F(StatusDataTest, IsTheTextAndNotToBeStored) {
  RecordingWriter writer;
  ask("/ui/data?since=7", writer);
  EXPECT_EQ(writer.status, 200u);
  EXPECT_EQ(writer.text, "rows after 7");
  EXPECT_EQ(writer.fields["Content-Type"], "application/json");
  EXPECT_EQ(writer.fields["Cache-Control"], "no-store");
  EXPECT_EQ(made_on_, std::this_thread::get_id());
}

TEST_F(StatusDataTest, LongTextsAreMadeOnTheBlockingPool) {
  is_short_ = false;
  RecordingWriter writer;
  ask("/ui/data", writer);
  EXPECT_EQ(writer.text, "rows after 0");
  EXPECT_NE(made_on_, std::this_thread::get_id());
}

TEST_F(StatusDataTest, AHostileNumberIs400) {
  RecordingWriter writer;
  ask("/ui/data?since=1e9", writer);
  EXPECT_EQ(writer.status, 400u);
  EXPECT_THAT(writer.text, HasSubstr("whole number"));
}

TEST_F(StatusDataTest, TooManyLongTextsAre503) {
  is_busy_ = true;
  RecordingWriter writer;
  ask("/ui/data?since=1", writer);
  EXPECT_EQ(writer.status, 503u);
}

}  // namespace
}  // namespace cachey::api
