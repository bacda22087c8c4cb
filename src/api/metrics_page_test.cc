#include "api/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <list>
#include <string>
#include <thread>

#include "api/testing/recording_writer.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::api {
namespace {

using ::testing::HasSubstr;

/// A client that reads nothing and then leaves.
class StuckWriter final : public net::ResponseWriter {
 public:
  explicit StuckWriter(rt::Worker& worker) : left_(worker.executor()) {}

  void start(const net::ResponseHead&) override {}
  size_t offer(std::span<const iovec>) override { return 0; }
  rt::Task<bool> writable() override {
    is_waiting = true;
    co_await left_.wait();
    co_return false;
  }
  rt::Task<bool> flush() override { co_return false; }
  rt::Task<bool> finish(std::span<const net::Field>) override { co_return false; }
  void abort() override {}

  void leave() { left_.notify(); }

  bool is_waiting = false;

 private:
  rt::Waiter left_;
};

class MetricsPageTest : public ::testing::Test {
 protected:
  void ask(net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kClient, request_);
    rt::asio::co_spawn(worker_.io(), page_.handle(worker_, request_, permit, writer),
                       rt::asio::detached);
  }
  /// Polls, because the texts are made on another thread.
  void run_until(const bool& done) {
    while (!done) {
      worker_.io().poll();
      std::this_thread::yield();
    }
  }

  SystemClock clock_;
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
  run_until(writer.finished);
  EXPECT_EQ(writer.status, 200u);
  EXPECT_EQ(writer.fields["Content-Type"], "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(writer.text, HasSubstr("things_total 1\n"));
}

TEST_F(MetricsPageTest, ClientsThatDoNotReadAreBounded) {
  std::list<StuckWriter> stuck;
  for (int i = 0; i < MetricsPage::kAnswersMax; ++i) ask(stuck.emplace_back(worker_));
  for (const StuckWriter& writer : stuck) run_until(writer.is_waiting);
  RecordingWriter refused;
  ask(refused);
  run_until(refused.finished);
  EXPECT_EQ(refused.status, 503u);
  EXPECT_EQ(refused.fields["Retry-After"], "1");

  for (StuckWriter& writer : stuck) writer.leave();
  worker_.io().poll();
  RecordingWriter answered;
  ask(answered);
  run_until(answered.finished);
  EXPECT_EQ(answered.status, 200u);
}

}  // namespace
}  // namespace cachey::api
