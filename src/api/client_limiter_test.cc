#include "api/client_limiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "api/client.h"
#include "api/testing/recording_writer.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Visit = ClientLimiter::Visit;

class ClientLimiterTest : public ::testing::Test {
 protected:
  std::unique_ptr<Visit> visit(const std::string& key) {
    return std::make_unique<Visit>(*limiter_, client_of_key(key));
  }
  void make(ClientLimits defaults) {
    limiter_ = std::make_unique<ClientLimiter>(defaults, clock_, metrics_);
  }

  rt::VirtualWorker worker_;
  ManualClock& clock_ = worker_.clock();
  Metrics metrics_;
  std::unique_ptr<ClientLimiter> limiter_;
};

TEST_F(ClientLimiterTest, IsOffWithoutLimits) {
  make({});
  EXPECT_FALSE(limiter_->enabled());
  make({0, 0});
  EXPECT_FALSE(limiter_->enabled());
  limiter_->replace_token_limits({{client_of_token(1), {0, std::nullopt}}});
  EXPECT_FALSE(limiter_->enabled());
  limiter_->replace_token_limits({{client_of_token(1), {1, std::nullopt}}});
  EXPECT_TRUE(limiter_->enabled());
}

TEST_F(ClientLimiterTest, PastItsMissesAClientGetsCachedBytesOnly) {
  make({2, std::nullopt});
  const auto one = visit("a");
  auto two = visit("a");
  EXPECT_TRUE(one->may_miss() && two->may_miss());
  EXPECT_FALSE(visit("a")->may_miss());
  EXPECT_FALSE(visit("a")->refusal());
  EXPECT_TRUE(visit("b")->may_miss());
  two.reset();
  EXPECT_TRUE(visit("a")->may_miss());
}

TEST_F(ClientLimiterTest, AHitTakesNoPlaceOfAMiss) {
  make({1, std::nullopt});
  const auto hit = visit("a");
  hit->is_hit();
  EXPECT_TRUE(visit("a")->may_miss());
  hit->is_hit();
  const auto miss = visit("a");
  EXPECT_FALSE(visit("a")->may_miss());
}

TEST_F(ClientLimiterTest, AResponseThatMayMissLaterKeepsItsPlace) {
  make({1, std::nullopt});
  net::ResponseHead head(206);
  head.set_cache_status(net::CacheStatus::kHit);
  for (const bool may_miss : {true, false}) {
    const auto asks = visit("a");
    RecordingWriter recorded;
    VisitWriter writer(worker_.worker(), recorded, *asks, false);
    head.set_rest_may_miss(may_miss);
    writer.start(head);
    EXPECT_EQ(visit("a")->may_miss(), !may_miss);
  }
}

TEST_F(ClientLimiterTest, PastItsBandwidthAClientWaitsForItsAverage) {
  make({std::nullopt, 1'000'000});
  for (int i = 0; i < 11; ++i) visit("a")->sent(1'000'000);
  const auto refused = visit("a")->refusal();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind(), ErrorKind::kLimited);
  EXPECT_GE(refused->retry_after(), 0s);
  EXPECT_FALSE(visit("b")->refusal());
  clock_.advance(refused->retry_after());
  EXPECT_FALSE(visit("a")->refusal());
  EXPECT_THAT(metrics_.text(), HasSubstr("cachey_client_limited_total{limit=\"bandwidth\"}"));
}

TEST_F(ClientLimiterTest, AResponseThatIsUnderWayGoesOnAndCountsLater) {
  make({std::nullopt, 1'000'000});
  auto large = visit("a");
  large->sent(61'000'000);
  const auto refused = visit("a")->refusal();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->retry_after(), 60s);
  large.reset();
  clock_.advance(61s);
  EXPECT_FALSE(visit("a")->refusal());
}

class SlowedResponses : public ClientLimiterTest {
 protected:
  rt::Task<bool> send(uint64_t bytes) {
    const auto asks = visit("a");
    VisitWriter writer(worker_.worker(), recorded_, *asks, false);
    std::string piece(100'000, 'x');
    const iovec part{piece.data(), piece.size()};
    while (bytes > 0) {
      const size_t taken = writer.offer({&part, 1});
      bytes -= std::min<uint64_t>(bytes, taken);
      if (taken == 0 && !co_await writer.writable()) co_return false;
    }
    co_return true;
  }
  double seconds_of(uint64_t bytes) {
    const MonoTime begin = clock_.mono();
    EXPECT_TRUE(worker_.run(send(bytes)));
    return std::chrono::duration<double>(clock_.mono() - begin).count();
  }

  RecordingWriter recorded_;
};

TEST_F(SlowedResponses, TakeTheirBandwidthAndWhatWasSavedUp) {
  make({std::nullopt, 1'000'000});
  EXPECT_NEAR(seconds_of(10'000'000), 8.8, 0.4);
  EXPECT_EQ(recorded_.text.size(), 10'000'000u);
}

TEST_F(SlowedResponses, SideBySideTheyShareTheBandwidth) {
  make({std::nullopt, 1'000'000});
  const auto other = worker_.start(send(5'000'000));
  EXPECT_NEAR(seconds_of(5'000'000), 8.8, 0.6);
  worker_.pass(1s);
  EXPECT_TRUE(*other);
}

TEST_F(SlowedResponses, OneOfferTakesNoMoreThanTheClientHas) {
  make({std::nullopt, 1'000'000});
  const auto asks = visit("a");
  VisitWriter writer(worker_.worker(), recorded_, *asks, false);
  std::string first(1'000'000, 'x');
  std::string second(15'000'000, 'y');
  const std::vector<iovec> body{{first.data(), first.size()}, {second.data(), second.size()}};
  const size_t taken = writer.offer(body);
  EXPECT_GE(taken, 1'000'000u);
  EXPECT_LE(taken, 1'000'000u + 512 * kKiB);
  EXPECT_EQ(recorded_.text, (first + second).substr(0, taken));
}

TEST_F(SlowedResponses, WithoutALimitTakeNoTime) {
  make({1, std::nullopt});
  EXPECT_EQ(seconds_of(10'000'000), 0);
}

TEST_F(SlowedResponses, EndWithTheirClient) {
  make({std::nullopt, 1'000'000});
  const auto sent = worker_.start(send(60'000'000));
  worker_.pass(2s);
  EXPECT_FALSE(*sent);
  recorded_.leave();
  worker_.pass(10ms);
  EXPECT_EQ(*sent, false);
}

TEST_F(ClientLimiterTest, ATokenHasItsOwnLimits) {
  make({1, std::nullopt});
  const std::string free = client_of_token(1);
  limiter_->replace_token_limits({{free, {0, std::nullopt}}, {client_of_token(2), {2, {}}}});
  std::vector<std::unique_ptr<Visit>> visits;
  for (int i = 0; i < 10; ++i) {
    visits.push_back(std::make_unique<Visit>(*limiter_, free));
    EXPECT_TRUE(visits.back()->may_miss());
  }
  const Visit one(*limiter_, client_of_token(2));
  const Visit two(*limiter_, client_of_token(2));
  EXPECT_TRUE(two.may_miss());
  EXPECT_FALSE(Visit(*limiter_, client_of_token(2)).may_miss());
}

TEST_F(ClientLimiterTest, RemembersABoundedNumberOfClients) {
  make({1, 1});
  for (size_t i = 0; i < 2 * ClientLimiter::kIdle.entries; ++i) (void)visit(std::to_string(i));
  EXPECT_LE(limiter_->known(), ClientLimiter::kIdle.entries);
}

}  // namespace
}  // namespace cachey::api
