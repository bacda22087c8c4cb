#include "api/client_shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "base/clock.h"

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ClientSharesTest : public ::testing::Test {
 protected:
  void pass(std::chrono::seconds time) {
    for (auto passed = 0s; passed < time; passed += 1s) {
      clock_.advance(1s);
      shares_.sample();
    }
  }
  void ask(const std::string& key, int times, ClientUse use = {}) {
    for (int i = 0; i < times; ++i) shares_.count(worker_, client_of_key(key), use);
  }
  ClientShare of(const std::string& key) {
    for (ClientShare& share : shares_.last_minute(ClientShares::kKept)) {
      if (share.name == key) return share;
    }
    return {};
  }

  ManualClock clock_;
  Metrics metrics_;
  TokenNames tokens_;
  rt::Worker worker_{0, clock_};
  ClientShares shares_{1, tokens_, 0x1234'5678'9abc'def1, clock_, metrics_};
};

TEST_F(ClientSharesTest, TheLargestComeFirst) {
  ask("few", 2, {.miss = true});
  ask("many", 30, {.bytes = 10});
  ask("limited", 3, {.limited = true});
  pass(1s);
  const std::vector<ClientShare> shares = shares_.last_minute();
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_EQ(of("many").requests, 30u);
  EXPECT_EQ(of("many").bytes, 300u);
  EXPECT_EQ(of("few").misses, 2u);
  EXPECT_EQ(of("limited").limited, 3u);
  EXPECT_EQ(shares_.last_minute(1).size(), 1u);
  EXPECT_THAT(metrics_.text(), HasSubstr("cachey_client_share{of=\"misses\"} 1"));
}

TEST_F(ClientSharesTest, AMinuteIsForgottenAfterAMinute) {
  ask("once", 5);
  pass(1s);
  EXPECT_EQ(of("once").requests, 5u);
  pass(40s);
  ask("once", 1);
  pass(5s);
  EXPECT_EQ(of("once").requests, 6u);
  pass(30s);
  EXPECT_EQ(of("once").requests, 1u);
  pass(90s);
  EXPECT_TRUE(shares_.last_minute().empty());
}

TEST_F(ClientSharesTest, NewestMissesAreOfTheLastFiveToTenSeconds) {
  ask("before", 7, {.miss = true});
  pass(20s);
  ask("now", 3, {.miss = true});
  for (int second = 1; second <= 5; ++second) {
    pass(1s);
    EXPECT_EQ(of("now").newest_misses, 3u) << second;
    EXPECT_EQ(of("before").newest_misses, 0u) << second;
    EXPECT_EQ(shares_.newest_misses(), 3u) << second;
  }
  pass(5s);
  EXPECT_EQ(of("now").newest_misses, 0u);
  EXPECT_EQ(of("now").misses, 3u);
}

TEST_F(ClientSharesTest, AFloodOfNamesDoesNotHideABusyClient) {
  int name = 0;
  for (int second = 0; second < 30; ++second) {
    for (int i = 0; i < 100; ++i) {
      ask("busy", 1);
      for (int j = 0; j < 100; ++j) ask("invented-" + std::to_string(name++), 1);
    }
    pass(1s);
  }
  EXPECT_GE(of("busy").requests, 2900u);
  EXPECT_LE(of("busy").requests, 3000u);
  EXPECT_EQ(shares_.last_minute().front().name, "busy");
}

TEST_F(ClientSharesTest, MayBeReadWhileAWorkerCounts) {
  std::atomic<bool> done{false};
  std::thread reading([&] {
    while (!done) {
      shares_.sample();
      (void)shares_.last_minute();
    }
  });
  for (int i = 0; i < 20'000; ++i) ask(std::to_string(i % 1000), 1, {.miss = true, .bytes = 1});
  done = true;
  reading.join();
}

}  // namespace
}  // namespace cachey::api
