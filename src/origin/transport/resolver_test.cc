#include "origin/transport/resolver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/eventually.h"
#include "origin/testing/test_worker.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using Addresses = Resolver::Addresses;

Addresses loopback() { return {boost::asio::ip::make_address("127.0.0.1")}; }

/// A name server that never answers for names that begin with "hang", until the test ends, and
/// says no for those that begin with "none".
class ResolverTest : public ::testing::Test {
 protected:
  ~ResolverTest() override {
    proceed();
    for (const auto& caller : hanging_) caller.wait();
    workers_.stop();
  }

  void proceed() {
    if (!proceeding_.exchange(true)) proceed_.count_down();
  }

  Result<Addresses> look_up(const std::string& host) {
    ++asked_;
    if (host.starts_with("hang")) proceed_.wait();
    if (host.starts_with("none")) return fail(ErrorKind::kUpstream, "no such name");
    return loopback();
  }

  rt::Task<Result<Addresses>> resolve(std::string host, milliseconds limit, size_t worker = 0,
                                      std::stop_token stop = {}) {
    rt::Worker& own = workers_.workers()[worker];
    const MonoTime now = own.timers().now();
    co_return co_await resolver_->resolve(own, std::move(host), since_, now + limit,
                                          std::move(stop));
  }
  std::future<Result<Addresses>> start(std::string host, milliseconds limit = milliseconds(20'000),
                                       size_t worker = 0) {
    return workers_.start(resolve(std::move(host), limit, worker), worker);
  }
  ErrorKind failure(std::string host, milliseconds limit) {
    return start(std::move(host), limit).get().error().kind();
  }
  /// Starts `count` look-ups that hang.
  void hang(size_t count, const std::string& prefix = "hang") {
    const size_t before = resolver_->look_ups();
    for (size_t i = 0; i < count; ++i) hanging_.push_back(start(prefix + std::to_string(i)));
    EXPECT_TRUE(eventually([&] { return resolver_->look_ups() == before + count; }));
  }

  TestWorkers workers_{2};
  rt::BlockingPool pool_{8};
  std::latch proceed_{1};
  std::atomic<bool> proceeding_{false};
  std::atomic<int> asked_{0};
  std::atomic<MonoTime> since_{MonoTime()};
  std::vector<std::future<Result<Addresses>>> hanging_;
  std::shared_ptr<Resolver> resolver_ = std::make_shared<Resolver>(
      pool_, [this](const std::string& host) { return look_up(host); }, PoolLimits(),
      workers_.clock(), "own.example");
};

TEST_F(ResolverTest, CallersOfAllWorkersShareOneLookUp) {
  auto one = start("hang.example", milliseconds(20'000), 0);
  auto other = start("hang.example", milliseconds(20'000), 1);
  EXPECT_TRUE(eventually([&] { return asked_ == 1; }));
  proceed();
  EXPECT_TRUE(one.get().has_value());
  EXPECT_TRUE(other.get().has_value());
  EXPECT_TRUE(start("hang.example", milliseconds(20'000), 1).get().has_value());
  EXPECT_EQ(asked_, 1);
}

TEST_F(ResolverTest, NamesThatHangLeaveThreadsToThoseThatHaveAddresses) {
  EXPECT_TRUE(start("prod.example").get().has_value());
  hang(300);
  EXPECT_EQ(failure("new.example", milliseconds(30)), ErrorKind::kTimeout);
  since_ = MonoTime::max();  // no remembered answer will do
  for (const char* host : {"prod.example", "own.example"})
    EXPECT_TRUE(start(host).get().has_value()) << host;
}

TEST_F(ResolverTest, ALookUpThatNobodyWaitsForLeavesTheQueue) {
  hang(Resolver::kUnprovenAtOnce);
  std::vector<std::future<Result<Addresses>>> hasty;
  for (int i = 0; i < 1000; ++i) hasty.push_back(start("bogus" + std::to_string(i), {}));
  for (auto& caller : hasty) EXPECT_FALSE(caller.get().has_value());
  EXPECT_EQ(resolver_->look_ups(), Resolver::kUnprovenAtOnce);
  EXPECT_EQ(asked_, Resolver::kUnprovenAtOnce);
}

TEST_F(ResolverTest, ACancelledCallerLeavesTheQueue) {
  hang(Resolver::kUnprovenAtOnce);
  std::stop_source stop;
  auto cancelled = workers_.start(resolve("new", milliseconds(20'000), 0, stop.get_token()));
  auto patient = start("new", milliseconds(20'000), 1);
  EXPECT_TRUE(eventually([&] { return resolver_->look_ups() == Resolver::kUnprovenAtOnce + 1; }));
  rt::asio::post(workers_.workers()[0].io(), [&stop] { stop.request_stop(); });
  EXPECT_EQ(cancelled.get().error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(eventually([&] { return resolver_->look_ups() == Resolver::kUnprovenAtOnce + 1; }));
  proceed();
  EXPECT_TRUE(patient.get().has_value());
}

TEST_F(ResolverTest, TheQueueOfUnprovenNamesIsBounded) {
  EXPECT_TRUE(start("prod").get().has_value());
  hang(Resolver::kUnprovenAtOnce + Resolver::kUnprovenQueuedMax);
  EXPECT_EQ(failure("one more", milliseconds(20'000)), ErrorKind::kOverloaded);
  auto joined = start("hang7");  // is being looked up already
  since_ = MonoTime::max();
  EXPECT_TRUE(start("prod").get().has_value());
  proceed();
  EXPECT_TRUE(joined.get().has_value());
}

TEST_F(ResolverTest, NamesWithoutAddressesAreNotRemembered) {
  EXPECT_TRUE(start("prod").get().has_value());
  for (size_t i = 0; i < 2 * Resolver::kNamesKept.entries; ++i)
    EXPECT_EQ(failure("none" + std::to_string(i), milliseconds(20'000)), ErrorKind::kUpstream);
  const int before = asked_;
  EXPECT_TRUE(start("prod").get().has_value());
  EXPECT_EQ(asked_, before);
}

TEST_F(ResolverTest, TheNamesUsedLastAreRemembered) {
  EXPECT_TRUE(start("prod").get().has_value());
  for (size_t i = 0; i < 2 * Resolver::kNamesKept.entries; ++i) {
    EXPECT_TRUE(start("new" + std::to_string(i)).get().has_value());
    if (i % 500 == 0) EXPECT_TRUE(start("prod").get().has_value());
  }
  EXPECT_EQ(asked_, 2 * Resolver::kNamesKept.entries + 1);
}

}  // namespace
}  // namespace cachey::origin
