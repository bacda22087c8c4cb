#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "cache/testing/virtual_cache.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

/// Readers on one worker with a manual clock, over a fake origin: how their waits end.
class ReaderWaits : public ::testing::Test, protected VirtualCache {
 protected:
  using Outcome = std::shared_ptr<std::optional<Result<void>>>;

  ~ReaderWaits() override { settle(); }

  /// Reads bytes [0, bytes) of the object.
  [[nodiscard]] Outcome read(FetchSpecPtr of, std::stop_token stop = {}, uint64_t bytes = 10) {
    return world_.start(reader(std::move(of), std::move(stop), bytes));
  }

  static void expect_error(const Outcome& outcome, ErrorKind kind) {
    ASSERT_TRUE(outcome->has_value());
    ASSERT_FALSE((*outcome)->has_value());
    EXPECT_EQ((*outcome)->error().kind(), kind);
  }

 private:
  [[nodiscard]] rt::Task<Result<void>> reader(FetchSpecPtr of, std::stop_token stop,
                                              uint64_t bytes) {
    RangeReader reader(cache_, world_.worker(), std::move(of), {0, bytes}, RangeReader::Use::kBody);
    std::optional<Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open(stop);
    if (!*opened) co_return std::move(*opened);
    while (!reader.at_end()) {
      iovec parts[32];
      const size_t count = reader.pin(parts);
      if (count == 0) {
        Result<void> more = co_await reader.wait(stop);
        if (!more) co_return more;
        continue;
      }
      uint64_t there = 0;
      for (const iovec& part : std::span(parts, count)) there += part.iov_len;
      reader.release(there);
    }
    co_return Result<void>();
  }
};

TEST_F(ReaderWaits, AFollowerWaitsNoLongerThanItsOwnTime) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.head_delay = 2500ms});
  const Outcome leader = read(spec("o"));
  const auto hasty = spec("o");
  hasty->config.operation_timeout = 500ms;
  const Outcome follower = read(hasty);
  world_.pass(490ms);
  EXPECT_FALSE(follower->has_value());
  world_.pass(50ms);
  expect_error(follower, ErrorKind::kTimeout);
  EXPECT_FALSE(leader->has_value());
  world_.pass(5s);
  ASSERT_TRUE(leader->has_value());
  EXPECT_TRUE((*leader)->has_value());
  EXPECT_EQ(origin_.asked().size(), 1u);
}

TEST_F(ReaderWaits, AReaderWhoseClientLeftEndsAtOnceAndTheOthersGoOn) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.head_delay = 5s});
  std::stop_source left;
  const Outcome leader = read(spec("o"), left.get_token());
  const Outcome follower = read(spec("o"));
  world_.pass(1s);
  left.request_stop();
  world_.pass(rt::TimerWheel::kTick);
  expect_error(leader, ErrorKind::kCancelled);
  world_.pass(5s);
  ASSERT_TRUE(follower->has_value());
  EXPECT_TRUE((*follower)->has_value());
}

TEST_F(ReaderWaits, AClientThatLeftBeforeTheWaitIsNotWaitedFor) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.head_delay = 5s});
  std::stop_source left;
  left.request_stop();
  const Outcome reader = read(spec("o"), left.get_token());
  world_.pass(rt::TimerWheel::kTick);
  expect_error(reader, ErrorKind::kCancelled);
}

TEST_F(ReaderWaits, AWaitForAByteEndsWithTheClientAndNotWithItsTime) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.read_delay = 1s, .read_bytes = 10});
  const auto hasty = spec("o");
  hasty->config.operation_timeout = 500ms;
  const Outcome patient = read(hasty, {}, 30);
  std::stop_source left;
  const Outcome leaving = read(spec("o"), left.get_token(), 100);
  world_.pass(2s);
  left.request_stop();
  world_.pass(rt::TimerWheel::kTick);
  expect_error(leaving, ErrorKind::kCancelled);
  world_.pass(2s);
  ASSERT_TRUE(patient->has_value());
  EXPECT_TRUE((*patient)->has_value()) << "a body is not within ot";
}

TEST_F(ReaderWaits, AFillThatNobodyWaitsForGivesUpItsWaitForAHead) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.head_delay = 60s});
  std::stop_source left;
  const Outcome reader = read(spec("o"), left.get_token());
  world_.pass(5s);
  left.request_stop();
  world_.pass(1900ms);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 1) << "the client may come again";
  world_.pass(300ms);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 0);
  EXPECT_EQ(memory_.admitted_bytes(), 0u);
  EXPECT_EQ(cache_.table().find(spec("o")->key.view(), 0), nullptr);
}

TEST_F(ReaderWaits, AFillThatNobodyWaitsForIsNotStarted) {
  origin_.put("b", "o", {.size = 100});
  std::vector<store::Admission> taken;
  while (auto one = memory_.starts().try_admit(std::to_string(taken.size()),
                                               store::MemoryTier::kStartBytes)) {
    taken.push_back(std::move(*one));
  }
  std::stop_source left;
  (void)read(spec("o"), left.get_token());
  world_.pass(1s);
  left.request_stop();
  world_.pass(1500ms);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 1);
  taken.clear();
  world_.pass(100ms);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 0);
  EXPECT_EQ(memory_.starts().admitted_bytes(), 0u);
  EXPECT_TRUE(origin_.asked().empty());
}

TEST_F(ReaderWaits, AClientThatComesAgainFindsTheFillOfItsFirstRequest) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.head_delay = 2500ms});
  std::stop_source left;
  (void)read(spec("o"), left.get_token());
  world_.pass(1s);
  left.request_stop();
  world_.pass(1s);
  const Outcome again = read(spec("o"));
  world_.pass(600ms);
  ASSERT_TRUE(again->has_value());
  EXPECT_TRUE((*again)->has_value());
  EXPECT_EQ(origin_.asked().size(), 1u);
}

/// Nobody waits for a moment, so the first attempt is the only one; but the store is well again.
TEST_F(ReaderWaits, AClientThatComesAgainDoesNotLoseItsRetries) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave_by([](const origin::GetRequest&, size_t number) -> origin::FakeOrigin::Behaviour {
    if (number > 0) return {};
    return {.head_delay = 1s, .backoff = 100ms, .error = Error(ErrorKind::kUpstream, "500")};
  });
  std::stop_source left;
  (void)read(spec("o"), left.get_token());
  world_.pass(100ms);
  left.request_stop();
  world_.pass(300ms);
  const Outcome again = read(spec("o"));
  world_.pass(1s);
  ASSERT_TRUE(again->has_value());
  EXPECT_TRUE((*again)->has_value());
  EXPECT_EQ(origin_.asked().size(), 2u);
}

/// A client with other terms comes and goes: the leader's attempts stay the leader's.
TEST_F(ReaderWaits, AFollowerThatLeftTakesNoAttemptsFromTheLeader) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave_by([](const origin::GetRequest&, size_t number) -> origin::FakeOrigin::Behaviour {
    if (number > 0) return {};
    return {.head_delay = 1s, .backoff = 100ms, .error = Error(ErrorKind::kUpstream, "500")};
  });
  const auto careful = spec("o");
  careful->config.attempts_max = 5;
  const Outcome leader = read(careful);
  std::stop_source left;
  (void)read(spec("o"), left.get_token());
  world_.pass(300ms);
  left.request_stop();
  world_.pass(1s);
  ASSERT_TRUE(leader->has_value());
  EXPECT_TRUE((*leader)->has_value());
}

TEST_F(ReaderWaits, ABodyThatFlowsGoesOnWithoutReaders) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.read_delay = 1s, .read_bytes = 20});
  std::stop_source left;
  (void)read(spec("o"), left.get_token(), 100);
  world_.pass(500ms);
  left.request_stop();
  world_.pass(6s);
  const PagePtr page = cache_.table().find(spec("o")->key.view(), 0);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->phase(), Page::Phase::kWhole);
}

/// The store has answered nothing under the leader's limits, and a patient reader waits.
TEST_F(ReaderWaits, AHastyLeadersFailureIsNotItsFollowers) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave_by([](const origin::GetRequest& request, size_t) -> origin::FakeOrigin::Behaviour {
    if (request.config.first_byte_timeout)
      return {.head_delay = 100ms, .error = Error(ErrorKind::kTimeout, "too late")};
    return {.head_delay = 300ms};
  });
  const auto hasty = spec("o");
  hasty->config.first_byte_timeout = 100ms;
  const Outcome leader = read(hasty);
  const Outcome follower = read(spec("o"));
  world_.pass(450ms);
  ASSERT_TRUE(follower->has_value());
  EXPECT_TRUE((*follower)->has_value());
  expect_error(leader, ErrorKind::kTimeout);
  EXPECT_EQ(origin_.asked().size(), 2u) << "one under each client's terms";
}

TEST_F(ReaderWaits, AHastyLeaderThatIsAloneFailsUnderItsOwnLimits) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.error = Error(ErrorKind::kTimeout, "too late")});
  const auto hasty = spec("o");
  hasty->config.first_byte_timeout = 100ms;
  const Outcome leader = read(hasty);
  world_.pass(50ms);
  expect_error(leader, ErrorKind::kTimeout);
  EXPECT_EQ(origin_.asked().size(), 1u);
}

/// The leader is in the backoff of its own choice, which a hurry ends.
TEST_F(ReaderWaits, AFollowerDoesNotWaitForItsLeadersBackoff) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave_by([](const origin::GetRequest& request, size_t) -> origin::FakeOrigin::Behaviour {
    if (request.config.backoff_initial)
      return {.backoff = 60s, .error = Error(ErrorKind::kTimeout, "too late")};
    return {.head_delay = 20ms};
  });
  const auto waiting = spec("o");
  waiting->config.backoff_initial = 60s;
  const Outcome leader = read(waiting);
  world_.pass(1s);
  EXPECT_FALSE(leader->has_value());
  const Outcome follower = read(spec("o"));
  world_.pass(200ms);
  ASSERT_TRUE(follower->has_value());
  EXPECT_TRUE((*follower)->has_value());
  ASSERT_TRUE(leader->has_value());
  EXPECT_TRUE((*leader)->has_value()) << "the leader had attempts left, and time";
}

TEST_F(ReaderWaits, ABackoffThatNobodyWaitsForEndsAtOnce) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.backoff = 60s, .error = Error(ErrorKind::kThrottled, "slow down")});
  std::stop_source left;
  (void)read(spec("o"), left.get_token());
  world_.pass(1s);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 1);
  left.request_stop();
  world_.pass(150ms);
  EXPECT_EQ(cache_metrics_.fills_in_flight, 0);
}

TEST_F(ReaderWaits, ALeadersBackoffTakesNoPlaceAtTheGate) {
  origin_.put("b", "good", {.size = 100});
  origin_.behave_by([](const origin::GetRequest& request, size_t) -> origin::FakeOrigin::Behaviour {
    if (request.key == "good") return {};
    return {.backoff = 60s, .error = Error(ErrorKind::kTimeout, "too late")};
  });
  for (int i = 0; i < 300; ++i) {
    const auto waiting = spec("waits-" + std::to_string(i));
    waiting->config.backoff_initial = 60s;
    waiting->config.operation_timeout = 20s;
    (void)read(waiting);
  }
  world_.pass(100ms);
  const Outcome honest = read(spec("good"));
  world_.pass(100ms);
  ASSERT_TRUE(honest->has_value());
  EXPECT_TRUE((*honest)->has_value());
}

/// A crowd of clients leads the page again and again with buckets that do not have the object.
TEST_F(ReaderWaits, AReaderDoesNotFailByTheBucketsOfOthers) {
  origin_.put("b", "o", {.size = 100});
  origin_.behave({.head_delay = 50ms});
  int next = 0;
  const auto crowd = [&] {
    for (int i = 0; i < 10; ++i) {
      const auto other = spec("o");
      other->buckets = {"none-" + std::to_string(next++)};
      (void)read(other);
    }
  };
  crowd();
  const Outcome honest = read(spec("o"));
  for (int round = 0; round < 60 && !honest->has_value(); ++round) {
    world_.pass(10ms);
    crowd();
  }
  ASSERT_TRUE(honest->has_value());
  EXPECT_TRUE((*honest)->has_value());
}

}  // namespace
}  // namespace cachey::cache
