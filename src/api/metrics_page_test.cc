#include "api/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "api/testing/recording_writer.h"
#include "api/testing/stuck_writer.h"
#include "rt/worker.h"

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class MetricsPageTest : public ::testing::Test {
 protected:
  void ask(net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kClient, request_);
    rt::asio::co_spawn(worker_.io(), page_.handle(worker_, request_, permit, writer),
                       rt::asio::detached);
  }
  /// Polls, because the texts are made on another thread.
  void run_until(const std::function<bool()>& done) {
    while (!done()) {
      worker_.io().poll();
      std::this_thread::yield();
    }
  }

  ManualClock clock_{std::chrono::steady_clock::now() + std::chrono::years(10)};
  rt::Worker worker_{0, clock_};
  rt::BlockingPool pool_{1};
  Metrics metrics_;
  Access access_{metrics_, std::nullopt, {}};
  MetricsPage page_{metrics_, pool_};
  const net::Request request_{net::Method::kGet, "/metrics", {}};
};

TEST_F(MetricsPageTest, IsTheTextOfAllMetrics) {
  metrics_.counter("things_total", "Things").add();
  RecordingWriter writer;
  ask(writer);
  run_until([&] { return writer.finished; });
  EXPECT_EQ(writer.status, 200u);
  EXPECT_EQ(writer.fields["Content-Type"], "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(writer.text, HasSubstr("things_total 1\n"));
}

TEST_F(MetricsPageTest, ClientsThatDoNotReadKeepNobodyOut) {
  std::list<StuckWriter> stuck;
  for (int i = 0; i < 2 * MetricsPage::kTextsMax; ++i) {
    StuckWriter& writer = stuck.emplace_back(worker_);
    ask(writer);
    run_until([&] { return writer.is_waiting; });
  }
  metrics_.counter("later_total", "Counted after the newest text").add();
  RecordingWriter shared;
  ask(shared);
  run_until([&] { return shared.finished; });
  EXPECT_EQ(shared.status, 200u);
  EXPECT_THAT(shared.text, Not(HasSubstr("later_total")));

  for (StuckWriter& writer : stuck) writer.leave();
  worker_.io().poll();
  RecordingWriter fresh;
  ask(fresh);
  run_until([&] { return fresh.finished; });
  EXPECT_THAT(fresh.text, HasSubstr("later_total 1\n"));
}

TEST_F(MetricsPageTest, AClientThatDoesNotReadIsBrokenOff) {
  StuckWriter stuck(worker_);
  ask(stuck);
  run_until([&] { return stuck.is_waiting; });
  clock_.advance(MetricsPage::kReadTime - 1s);
  worker_.timers().advance();
  EXPECT_FALSE(stuck.is_aborted);
  clock_.advance(2s);
  worker_.timers().advance();
  EXPECT_TRUE(stuck.is_aborted);
  worker_.io().poll();
}

}  // namespace
}  // namespace cachey::api
