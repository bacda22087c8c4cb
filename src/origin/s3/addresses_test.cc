#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <latch>
#include <thread>
#include <utility>

#include "origin/testing/s3_harness.h"
#include "origin/transport/connect_race.h"
#include "origin/transport/resolver.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

namespace ip = boost::asio::ip;

using Addresses = std::vector<ip::address>;

Addresses addresses_of(std::initializer_list<const char*> texts) {
  Addresses addresses;
  for (const char* text : texts) addresses.push_back(ip::make_address(text));
  return addresses;
}

/// Listens with a full backlog: a connection attempt gets no answer.
class SilentAddress {
 public:
  SilentAddress(const char* address, uint16_t port) {
    const ip::tcp::endpoint at(ip::make_address(address), port);
    const auto size = static_cast<socklen_t>(at.size());
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bound_ = ::bind(listener_, at.data(), size) == 0 && ::listen(listener_, 0) == 0;
    for (int& filler : fillers_) {  // the backlog holds one of them
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      ::connect(filler, at.data(), size);
    }
  }
  ~SilentAddress() {
    for (const int filler : fillers_) {
      if (filler >= 0) ::close(filler);
    }
    ::close(listener_);
  }
  SilentAddress(const SilentAddress&) = delete;
  SilentAddress& operator=(const SilentAddress&) = delete;

  [[nodiscard]] bool bound() const { return bound_; }

  /// Empties the backlog.
  void relent() {
    for (int& filler : fillers_) ::close(std::exchange(filler, -1));
    ::close(::accept(listener_, nullptr, nullptr));
  }

 private:
  int listener_ = -1;
  bool bound_ = false;
  std::array<int, 4> fillers_{};
};

TEST(InTurn, FamiliesAlternateAndEachBeginsWhereItIsItsTurn) {
  const Addresses both = addresses_of({"::1", "::2", "127.0.0.1", "127.0.0.2", "127.0.0.3"});
  EXPECT_EQ(in_turn(both, 0), addresses_of({"::1", "127.0.0.1", "::2", "127.0.0.2", "127.0.0.3"}));
  EXPECT_EQ(in_turn(both, 1), addresses_of({"::2", "127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"}));
  EXPECT_EQ(in_turn(addresses_of({"127.0.0.1", "::1"}), 7), addresses_of({"127.0.0.1", "::1"}));
  EXPECT_EQ(in_turn({}, 3), Addresses());
}

class ConnectRaceTest : public ::testing::Test {
 protected:
  /// The addresses that lost a race.
  Addresses losers_of(Addresses addresses, std::function<void()> meanwhile = [] {}) {
    auto race =
        std::make_shared<ConnectRace>(workers_.workers()[0], std::move(addresses), living_.port());
    const auto run = [race](rt::Worker& worker) -> rt::Task<bool> {
      const IoResult<rt::Socket> won =
          co_await race->run(worker.timers().now() + std::chrono::seconds(20), {});
      co_return won.has_value();
    };
    std::future<bool> won = workers_.start(run(workers_.workers()[0]));
    meanwhile();
    EXPECT_TRUE(won.get());
    return race->losers();
  }

  TestWorkers workers_;
  ScriptedServer living_{[](Peer&, int) {}, Listening{.address = "127.0.0.11"}};
};

TEST_F(ConnectRaceTest, WhoWasBegunLaterAndHadNoTimeToAnswerHasNotLost) {
  SilentAddress slow("127.0.0.9", living_.port());
  const SilentAddress silent("127.0.0.10", living_.port());
  ASSERT_TRUE(slow.bound() && silent.bound());
  // The kernel retries the first after a second, and it answers then. By that time the second has
  // been tried; the test cannot see that.
  const auto meanwhile = [&slow] {
    std::this_thread::sleep_for(ConnectRace::kStagger + milliseconds(150));
    slow.relent();
  };
  EXPECT_EQ(losers_of(addresses_of({"127.0.0.9", "127.0.0.10"}), meanwhile), Addresses());
}

TEST_F(ConnectRaceTest, WhoWasBegunBeforeOrFailedHasLost) {
  const SilentAddress silent("127.0.0.9", living_.port());
  EXPECT_EQ(losers_of(addresses_of({"127.0.0.9", "127.0.0.12", "127.0.0.11", "127.0.0.13"})),
            addresses_of({"127.0.0.9", "127.0.0.12"}));
}

class S3Addresses : public ::testing::Test {
 protected:
  /// The origin has a name that resolves to `addresses`.
  void use(S3Harness& s3, Addresses addresses) {
    s3.config.endpoint->host = "store.example";
    s3.config.limits.attempts_max = 1;
    s3.config.look_up = [this, addresses](const std::string&) -> Result<Addresses> {
      ++look_ups_;
      return addresses;
    };
  }

  std::atomic<int> look_ups_{0};
};

TEST_F(S3Addresses, AnAddressThatDoesNotAnswerCostsAQuarterSecondNotTheTimeLimit) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  const SilentAddress silent("127.0.0.9", server.port());
  ASSERT_TRUE(silent.bound());
  S3Harness s3(server.port());
  use(s3, addresses_of({"127.0.0.9", "127.0.0.1"}));
  s3.config.limits.connect_timeout = milliseconds(20'000);
  const auto start = steady_clock::now();
  const Fetched fetched = s3.fetch();
  const auto took = steady_clock::now() - start;
  EXPECT_TRUE(fetched.ok) << fetched.message;
  EXPECT_GE(took, ConnectRace::kStagger - rt::TimerWheel::kTick);
  EXPECT_LT(took, milliseconds(10'000));
}

TEST_F(S3Addresses, TheOneThatDidNotAnswerIsNotAskedAgain) {
  ScriptedServer server(
      [](Peer& peer, int) { peer.send(part_of("content", peer.read_request())); });
  S3Harness s3(server.port());
  use(s3, addresses_of({"::1", "127.0.0.1"}));  // the first has no listener
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(s3.fetch().ok);
  EXPECT_EQ(look_ups_.load(), 1);
}

TEST_F(S3Addresses, ANameWithoutALivingAddressIsLookedUpAgain) {
  uint16_t port = 0;
  {
    ScriptedServer gone([](Peer&, int) {});
    port = gone.port();
  }
  S3Harness s3(port);
  use(s3, addresses_of({"127.0.0.1", "127.0.0.2"}));
  EXPECT_THAT(s3.fetch().message, HasSubstr("cannot connect to 127.0.0."));
  EXPECT_FALSE(s3.fetch().ok);
  EXPECT_EQ(look_ups_.load(), 2);
}

TEST_F(S3Addresses, ARetryLooksTheNameUpAnewAndPassesOverWhatDidNotAnswer) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); },
                        Listening{.address = "127.0.0.3"});
  S3Harness s3(server.port());
  use(s3, {});
  s3.config.look_up = [this](const std::string&) -> Result<Addresses> {
    if (look_ups_++ == 0) return addresses_of({"127.0.0.1", "127.0.0.2"});
    return addresses_of({"127.0.0.1", "127.0.0.3"});  // the host has moved
  };
  s3.config.limits.attempts_max = 2;
  const Fetched fetched = s3.fetch();
  EXPECT_TRUE(fetched.ok) << fetched.message;
  EXPECT_EQ(look_ups_.load(), 2);
}

TEST_F(S3Addresses, ARetryAfterAnErrorLooksTheNameUpAnewWhereThatWasLongAgo) {
  ScriptedServer server([](Peer& peer, int connection) {
    const std::string request = peer.read_request();
    peer.send(connection % 2 == 0 ? error_response("500 Internal Server Error", "InternalError")
                                  : part_of("content", request));
  });
  for (const auto& [valid, look_ups] : {std::pair(milliseconds(60'000), 1), {milliseconds(0), 2}}) {
    look_ups_ = 0;
    S3Harness s3(server.port());
    use(s3, addresses_of({"127.0.0.1"}));
    s3.config.limits.attempts_max = 2;
    s3.config.limits.backoff_initial = milliseconds(100);
    s3.config.pool.look_up_valid_retry = valid;
    s3.random = FixedRandom(0.99);
    EXPECT_TRUE(s3.fetch().ok);
    EXPECT_EQ(look_ups_.load(), look_ups);
  }
}

TEST_F(S3Addresses, ConnectionsSpreadOverAll) {
  std::latch all_in(8);
  const auto script = [&](Peer& peer, int) {
    const std::string request = peer.read_request();
    all_in.arrive_and_wait();  // all wait for each other, so no connection is reused
    peer.send(part_of("content", request));
    peer.wait_until_closed();
  };
  ScriptedServer first(script, Listening{.address = "127.0.0.2"});
  ScriptedServer second(script, Listening{.address = "127.0.0.3", .port = first.port()});
  ScriptedServer third(script, Listening{.address = "127.0.0.4", .port = first.port()});
  ScriptedServer fourth(script, Listening{.address = "127.0.0.5", .port = first.port()});
  S3Harness s3(first.port());
  use(s3, addresses_of({"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"}));
  s3.config.limits.connect_timeout = milliseconds(20'000);
  std::vector<std::future<Fetched>> fetches;
  for (int i = 0; i < 8; ++i) fetches.push_back(s3.start_fetch());
  for (std::future<Fetched>& fetch : fetches) EXPECT_TRUE(fetch.get().ok);
  EXPECT_EQ(look_ups_.load(), 1);
  for (const ScriptedServer* server : {&first, &second, &third, &fourth})
    EXPECT_GE(server->accepted(), 1);
}

TEST_F(S3Addresses, AnEndpointMayBeAnIpv6Address) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); },
                        Listening{.address = "::1"});
  S3Harness s3(server.port());
  s3.config.endpoint->host = "::1";
  const Fetched fetched = s3.fetch();
  EXPECT_TRUE(fetched.ok) << fetched.message;
}

}  // namespace
}  // namespace cachey::origin
