#include "api/ui/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "api/testing/recording_writer.h"
#include "api/testing/stuck_writer.h"
#include "rt/worker.h"

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class UiTableTest : public ::testing::Test {
 protected:
  void ask(net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kClient, request_);
    rt::asio::co_spawn(worker_.io(), table_.handle(worker_, request_, permit, writer),
                       rt::asio::detached);
  }
  RecordingWriter answer() {
    RecordingWriter writer;
    ask(writer);
    run_until([&] { return writer.finished; });
    return writer;
  }
  /// Polls, because the tables are made on another thread.
  void run_until(const std::function<bool()>& done) {
    while (!done()) {
      worker_.io().poll();
      std::this_thread::yield();
    }
  }

  ManualClock clock_{std::chrono::steady_clock::now() + std::chrono::years(10)};
  rt::Worker worker_{0, clock_};
  std::shared_ptr<const std::string> data_ = std::make_shared<const std::string>(
      R"({"columns":["t_ms","pages_memory"],"rows":[[1000,3],[2000,4]]})");

 private:
  rt::BlockingPool pool_{1};
  Metrics metrics_;
  Access access_{metrics_, std::nullopt, {}};
  UiTable table_{[this] { return data_; }, pool_};
  const net::Request request_{net::Method::kGet, "/ui/table", {}};
};

TEST_F(UiTableTest, IsADocumentWithThePolicyOfThePage) {
  const RecordingWriter table = answer();
  EXPECT_EQ(table.status, 200u);
  EXPECT_THAT(table.text, HasSubstr("pages from memory</th><td>4</td><td>7</td>"));
  EXPECT_THAT(table.text, HasSubstr("#findings"));  // the style of the page
  EXPECT_EQ(table.fields.at("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(table.fields.at("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(table.fields.at("Cache-Control"), "no-store");
}

TEST_F(UiTableTest, WithoutDataTheClientIsToldToComeLater) {
  data_ = nullptr;
  const RecordingWriter table = answer();
  EXPECT_EQ(table.status, 503u);
  EXPECT_TRUE(table.fields.contains("Retry-After"));
}

TEST_F(UiTableTest, PastTheLimitClientsAreToldToComeLater) {
  std::list<StuckWriter> stuck;
  for (int i = 0; i < UiTable::kTablesMax; ++i) {
    StuckWriter& writer = stuck.emplace_back(worker_);
    ask(writer);
    run_until([&] { return writer.is_waiting; });
  }
  EXPECT_EQ(answer().status, 503u);

  stuck.front().leave();
  worker_.io().poll();
  EXPECT_EQ(answer().status, 200u);
  for (StuckWriter& writer : stuck) writer.leave();
  worker_.io().poll();
}

TEST_F(UiTableTest, AClientThatDoesNotReadIsBrokenOff) {
  StuckWriter stuck(worker_);
  ask(stuck);
  run_until([&] { return stuck.is_waiting; });
  clock_.advance(UiTable::kReadTime + 1s);
  worker_.timers().advance();
  EXPECT_TRUE(stuck.is_aborted);
  worker_.io().poll();
}

}  // namespace
}  // namespace cachey::api
