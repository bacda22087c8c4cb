#include "origin/transport/connection_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "origin/testing/scripted_server.h"
#include "origin/testing/test_worker.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

/// A pool that holds one connection, for servers on loopback.
class ConnectionPoolTest : public ::testing::Test {
 protected:
  using Lease = ConnectionPool::Lease;

  ConnectionPoolTest() {
    limits_.connections_per_host_max = 1;
    limits_.connections_max = 1;
  }

  void SetUp() override { use(limits_); }

  void use(const PoolLimits& limits) {
    auto resolver =
        std::make_shared<Resolver>(workers_.pool(), system_look_up, limits, workers_.clock());
    pool_ = std::make_shared<ConnectionPool>(worker(), std::move(resolver), nullptr, limits,
                                             std::make_shared<TransportCounters>());
  }
  void TearDown() override {
    pool_.reset();
    workers_.stop();
  }

  [[nodiscard]] rt::Worker& worker() { return workers_.workers()[0]; }
  [[nodiscard]] static Server server_of(const ScriptedServer& server) {
    return Server(false, "127.0.0.1", server.port());
  }
  [[nodiscard]] ConnectOptions within(milliseconds time) {
    ConnectOptions options;
    options.deadline = worker().timers().now() + time;
    options.connect_timeout = milliseconds(5000);
    return options;
  }

  /// Whether the pool leases a connection within `time`; the lease ends at once.
  rt::Task<bool> try_for(Server server, milliseconds time) {
    Attempt<Lease> lease = co_await pool_->acquire(std::move(server), within(time));
    co_return lease.has_value();
  }

  PoolLimits limits_;
  TestWorkers workers_;
  std::shared_ptr<ConnectionPool> pool_;
  ScriptedServer first_{[](Peer& peer, int) { peer.wait_until_closed(); }};
  ScriptedServer second_{[](Peer& peer, int) { peer.wait_until_closed(); }};
};

TEST_F(ConnectionPoolTest, WhoIsRefusedLeavesNothingBehind) {
  limits_.waiting_max = 0;
  use(limits_);
  const auto refused = [this]() -> rt::Task<size_t> {
    Attempt<Lease> held = co_await pool_->acquire(server_of(first_), within(milliseconds(5000)));
    EXPECT_TRUE(held.has_value());
    for (uint16_t port = 1; port <= 100; ++port) {
      Attempt<Lease> lease =
          co_await pool_->acquire(Server(false, "127.0.0.1", port), within(milliseconds(5000)));
      EXPECT_EQ(lease.error().error.kind(), ErrorKind::kOverloaded);
    }
    co_return pool_->servers();
  };
  EXPECT_EQ(workers_.run(refused()), 1u);
}

TEST_F(ConnectionPoolTest, CallersWithoutMemoryLeaveConnectionsToThoseWithMemory) {
  limits_.connections_per_host_max = 16;
  limits_.connections_max = 16;
  use(limits_);
  const auto play = [this]() -> rt::Task<size_t> {
    std::vector<Lease> parked;
    while (true) {
      Attempt<Lease> lease = co_await pool_->acquire(server_of(first_), within(milliseconds(50)));
      if (!lease) break;
      parked.push_back(std::move(*lease));
    }
    for (int i = 0; i < 3; ++i) {
      ConnectOptions options = within(milliseconds(50));
      options.has_memory = true;
      Attempt<Lease> further = co_await pool_->acquire(server_of(first_), options);
      EXPECT_TRUE(further.has_value());
      further->give_back(milliseconds(10'000));
      const bool first = co_await try_for(server_of(first_), milliseconds(50));
      EXPECT_FALSE(first) << "the idle connection is for callers with memory";
    }
    co_return parked.size();
  };
  EXPECT_EQ(workers_.run(play()), 16 - 16 / ConnectionPool::kMemoryShare);
}

TEST_F(ConnectionPoolTest, CallersWithMemoryGoFirst) {
  const auto play = [this]() -> rt::Task<bool> {
    Attempt<Lease> held = co_await pool_->acquire(server_of(first_), within(milliseconds(5000)));
    std::future<bool> without = workers_.start(try_for(server_of(first_), milliseconds(200)));
    co_await worker().timers().sleep(milliseconds(30));  // the other one waits
    const auto release = [this, &held]() -> rt::Task<bool> {
      co_await worker().timers().sleep(milliseconds(30));
      held->give_back(milliseconds(10'000));
      co_return true;
    };
    std::future<bool> released = workers_.start(release());
    ConnectOptions options = within(milliseconds(5000));
    options.has_memory = true;
    Attempt<Lease> further = co_await pool_->acquire(server_of(first_), options);
    EXPECT_TRUE(further.has_value());
    EXPECT_EQ(without.wait_for(milliseconds(0)), std::future_status::timeout);
    while (without.wait_for(milliseconds(0)) != std::future_status::ready)
      co_await worker().timers().sleep(milliseconds(10));
    co_return without.get();
  };
  EXPECT_FALSE(workers_.run(play()));
}

TEST_F(ConnectionPoolTest, WhoWaitsForAHostWhoseIdleConnectionWasClosedForAnotherIsNotForgotten) {
  const auto play = [this]() -> rt::Task<bool> {
    Attempt<Lease> first = co_await pool_->acquire(server_of(first_), within(milliseconds(5000)));
    std::future<bool> hasty = workers_.start(try_for(server_of(first_), milliseconds(300)));
    std::future<bool> patient = workers_.start(try_for(server_of(first_), milliseconds(10'000)));
    co_await worker().timers().sleep(milliseconds(30));  // both wait
    first->give_back(milliseconds(10'000));              // wakes the hasty one
    Attempt<Lease> other = co_await pool_->acquire(server_of(second_), within(milliseconds(5000)));
    EXPECT_TRUE(other.has_value());
    while (hasty.wait_for(milliseconds(0)) != std::future_status::ready)
      co_await worker().timers().sleep(milliseconds(10));
    EXPECT_FALSE(hasty.get());
    other->drop();
    while (patient.wait_for(milliseconds(0)) != std::future_status::ready)
      co_await worker().timers().sleep(milliseconds(10));
    co_return patient.get();
  };
  EXPECT_TRUE(workers_.run(play()));
}

}  // namespace
}  // namespace cachey::origin
