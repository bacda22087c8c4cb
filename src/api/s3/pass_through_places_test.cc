#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <span>
#include <utility>

#include "api/s3/pass_through.h"
#include "api/s3/testing/pass_through_world.h"

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A client that takes a byte each time it is asked, or none for ever.
class SlowWriter final : public net::ResponseWriter {
 public:
  SlowWriter(rt::Worker& worker, std::chrono::nanoseconds pause) : worker_(worker), pause_(pause) {}
  void start(const net::ResponseHead&) override {}
  size_t offer(std::span<const iovec>) override { return std::exchange(ready_, false) ? 1 : 0; }
  rt::Task<bool> writable() override {
    co_await worker_.timers().sleep(pause_);
    ready_ = true;
    co_return !aborted;
  }
  rt::Task<bool> flush() override { co_return true; }
  rt::Task<bool> finish(std::span<const net::Field>) override { co_return true; }
  void abort() override { aborted = true; }

  bool aborted = false;

 private:
  rt::Worker& worker_;
  const std::chrono::nanoseconds pause_;
  bool ready_ = false;
};

TEST(PassThrough, PastThePlacesItIsSlowDown) {
  PassThroughWorld world({.limits = {.at_once = 2, .waiting = 0}});
  world.store.answer({.body = list_of("bkt", 1), .head_delay = 1s});
  const net::Request request(net::Method::kGet, "/bkt?list-type=2", {});
  RecordingWriter first;
  const auto ended = world.begin(request, first);
  const RecordingWriter second = world.ask("/bkt?list-type=2");
  EXPECT_EQ(second.status, 503u);
  EXPECT_THAT(second.text, HasSubstr("<Code>SlowDown</Code>"));
  world.pass(2s);
  EXPECT_EQ(first.status, 200u);
  EXPECT_THAT(world.metrics(), HasSubstr("cachey_s3api_forwards_refused_total 1"));
  EXPECT_EQ(world.ask("/bkt?list-type=2").status, 200u);
}

TEST(PassThrough, ASlowReaderLosesItsPlaceToAClientThatWaits) {
  PassThroughWorld world({.limits = {.at_once = 2, .waiting = 8, .wait = 20s}});
  world.store.answer({.body = list_of("bkt", 100)});
  const net::Request request(net::Method::kGet, "/bkt?list-type=2", {});
  SlowWriter slow(world.worker(), 100ms);
  const auto slow_ended = world.begin(request, slow);
  world.pass(30s);
  EXPECT_FALSE(slow_ended->has_value());  // nobody waits
  RecordingWriter next;
  const auto next_ended = world.begin(request, next);
  world.pass(1s);
  EXPECT_TRUE(slow_ended->has_value());
  EXPECT_TRUE(slow.aborted);
  EXPECT_TRUE(next_ended->has_value());
  EXPECT_EQ(next.status, 200u);
}

TEST(PassThrough, AClientThatLeavesEndsTheQuestion) {
  PassThroughWorld world;
  world.store.answer_by([](const origin::ForwardRequest& request) -> FakeForwarder::Answer {
    (void)request;
    return {.head_delay = 1s, .error = Error(ErrorKind::kCancelled, "left")};
  });
  const net::Request request(net::Method::kGet, "/bkt?list-type=2", {});
  RecordingWriter writer;
  const auto ended = world.begin(request, writer);
  writer.leave();
  world.pass(2s);
  EXPECT_TRUE(writer.aborted);
  EXPECT_TRUE(world.store.asked()[0].stop.stop_requested());
  EXPECT_THAT(world.metrics(), HasSubstr("outcome=\"client_gone\"} 1"));
}

}  // namespace
}  // namespace cachey::api::s3
