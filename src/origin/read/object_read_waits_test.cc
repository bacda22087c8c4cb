#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

/// Reads in which time passes between steps: bodies that nobody waits for, waits for memory.
class ObjectReadWaits : public ObjectReadTest {
 protected:
  static constexpr uint64_t kLarge = 4 * kMiB;
  static constexpr auto kWindow = BodyWatch::kUnwantedWindow;

  ObjectReadWaits() { origin_.put("a", "large", {.size = kLarge}); }

  [[nodiscard]] ReadTerms terms(const std::string& key = "large") {
    return {names_, buckets_.rank(names_), key, ByteRange{0, kPageBytes}, {}};
  }

  /// Opens, waits for `memory` to come, and runs.
  rt::Task<Result<void>> read_into(CheckedSink& sink, const ReadContext& context, ReadTerms terms,
                                   std::chrono::milliseconds memory) {
    ObjectRead read(context, world_.worker(), std::move(terms));
    Result<void> done = co_await read.open();
    sent_at_ = read.sent_at();
    if (memory > 0ms) {
      read.park();
      co_await world_.worker().timers().sleep(memory);
    }
    if (done) done = co_await read.run(sink);
    co_return done;
  }
  std::shared_ptr<std::optional<Result<void>>> start(CheckedSink& sink,
                                                     std::chrono::milliseconds memory = 0ms) {
    return world_.start(read_into(sink, context_, terms(), memory));
  }

  const std::vector<std::string> names_ = {"a"};
  MonoTime sent_at_;
};

TEST_F(ObjectReadWaits, ASlowBodyThatNobodyWaitsForIsGivenUp) {
  origin_.behave({.read_delay = 1s, .read_bytes = 10});
  CheckedSink sink(1, 0);
  sink.wanted = false;
  const auto done = start(sink);
  world_.pass(kWindow - 100ms);
  EXPECT_FALSE(*done);
  world_.pass(200ms);
  ASSERT_TRUE(*done);
  ASSERT_FALSE((*done)->has_value());
  EXPECT_EQ((*done)->error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(read_metrics_.too_slow.total(), 1u);
  EXPECT_EQ(asked(), 1u) << "it is not taken up again";
  EXPECT_FALSE(buckets_.is_down("a"));
}

TEST_F(ObjectReadWaits, ASlowBodyThatSomebodyWaitsForGoesOnUntilNobodyDoes) {
  origin_.behave({.read_delay = 1s, .read_bytes = 10});
  CheckedSink sink(1, 0);
  const auto done = start(sink);
  world_.pass(4 * kWindow + 5s);
  EXPECT_FALSE(*done);
  sink.wanted = false;
  world_.pass(kWindow);
  EXPECT_TRUE(*done);
}

TEST_F(ObjectReadWaits, AReaderThatComesInTimeKeepsTheBody) {
  origin_.behave({.read_delay = 1s, .read_bytes = 10});
  CheckedSink sink(1, 0);
  sink.wanted = false;
  const auto done = start(sink);
  world_.pass(kWindow - 100ms);
  sink.wanted = true;
  world_.pass(kWindow);
  EXPECT_FALSE(*done);
  origin_.behave({});
  sink.wanted = false;
  world_.pass(kWindow + 200ms);
}

TEST_F(ObjectReadWaits, ABodyAtTheLeastRateComesToItsEnd) {
  origin_.behave({.read_delay = 900ms, .read_bytes = 64 * kKiB});
  CheckedSink sink(1, 0);
  sink.wanted = false;
  const Result<void> done = world_.run(read_into(sink, context_, terms(), 0ms));
  EXPECT_TRUE(done);
  EXPECT_EQ(sink.bytes, kLarge);
}

TEST_F(ObjectReadWaits, AStoppedBodyThatNobodyWaitsForIsGivenUpBesideItsHedge) {
  learn();
  const size_t before = origin_.asked().size();
  origin_.behave_by([before](const GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    if (number > before) return {.head_delay = 1h};
    return {.stall_after = kMiB, .stall_time = 1h};
  });
  CheckedSink sink(1, 0);
  sink.wanted = false;
  const Result<void> done = world_.run(read_into(sink, context_, terms(), 0ms));
  EXPECT_EQ(done.error().kind(), ErrorKind::kTimeout);
}

TEST_F(ObjectReadWaits, WaitingForMemoryIsNoStopAndNoSlowness) {
  learn();
  origin_.behave({.read_delay = 10ms});
  CheckedSink sink(1, 0);
  sink.wanted = false;
  const Result<void> done = world_.run(read_into(sink, context_, terms(), 5 * kWindow));
  EXPECT_TRUE(done);
  EXPECT_EQ(sink.bytes, kLarge);
  EXPECT_EQ(asked(), 1u) << "no hedge";
}

/// Two reads at a gate of one place. The first has memory, and its body breaks off; the second's
/// answer is there and waits for the memory that the first one holds.
TEST_F(ObjectReadWaits, WhoHasMemoryNeverWaitsForWhoWaitsForMemory) {
  Gate narrow(GateLimits{.requests = 1}, world_.clock(), metrics_);
  const ReadContext context{origin_, buckets_, narrow, read_metrics_};
  origin_.behave_by([](const GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    if (number == 0) return {.read_delay = 100ms, .cut_after = kMiB};
    return {};
  });
  CheckedSink first_sink(1, 0);
  CheckedSink second_sink(1, 0);
  const auto first = world_.start(read_into(first_sink, context, terms(), 0ms));
  const auto second = world_.start(read_into(second_sink, context, terms(), 3s));
  world_.pass(2s);
  ASSERT_TRUE(*first);
  EXPECT_TRUE((*first)->has_value()) << (*first)->error().message();
  EXPECT_EQ(read_metrics_.resumes.total(), 1u);
  EXPECT_FALSE(*second);
  world_.pass(4s);
  ASSERT_TRUE(*second);
  EXPECT_TRUE((*second)->has_value());
}

TEST_F(ObjectReadWaits, AnswersAreDatedByWhenTheirRequestWasReallySent) {
  origin_.behave({.unsent = 3s, .head_delay = 200ms});
  const MonoTime began = world_.clock().mono();
  CheckedSink sink(1, 0);
  EXPECT_TRUE(world_.run(read_into(sink, context_, terms(), 0ms)));
  EXPECT_GE(sent_at_, began + 3s);
  EXPECT_LT(sent_at_, began + 3100ms);
}

TEST_F(ObjectReadWaits, AHedgeThatWinsDatesTheAnswer) {
  learn();
  const size_t before = origin_.asked().size();
  origin_.behave_by([before](const GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    if (number == before) return {.head_delay = 1h};
    return {};
  });
  const MonoTime began = world_.clock().mono();
  CheckedSink sink(1, 0);
  EXPECT_TRUE(world_.run(read_into(sink, context_, terms(), 0ms)));
  EXPECT_GT(sent_at_, began);
}

}  // namespace
}  // namespace cachey::origin
