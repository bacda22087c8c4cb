#include "net/connection/connection_shares.h"

#include <gtest/gtest.h>

namespace cachey::net {
namespace {

using Place = ConnectionShares::Place;

IpAddress address(const char* text) { return *parse_ip_address(text); }

class ConnectionSharesTest : public ::testing::Test {
 protected:
  /// As a server does: a connection that finds no free place is refused.
  Place connect(const IpAddress& from) {
    const Place place = shares_.enter(from, open_);
    if (place == Place::kFree) {
      ++open_;
    } else {
      shares_.leave(from);
    }
    return place;
  }
  /// Connects until that is refused. Returns how many connections were accepted.
  size_t take_all(const IpAddress& from) {
    const size_t before = open_;
    while (connect(from) == Place::kFree) {
    }
    return open_ - before;
  }

  TrustedProxies proxies_{{*IpPrefix::parse("10.9.0.0/16")}};
  ConnectionShares shares_{100, proxies_};
  size_t open_ = 0;
};

TEST_F(ConnectionSharesTest, OneAddressTakesNineTenths) {
  EXPECT_EQ(take_all(address("10.0.0.1")), 90);
  EXPECT_EQ(connect(address("10.0.0.1")), Place::kOfLarger);
  EXPECT_EQ(connect(address("10.0.0.2")), Place::kFree);
  EXPECT_EQ(take_all(address("10.0.0.3")), 9);
}

TEST_F(ConnectionSharesTest, WithoutAFreePlaceAnyConnectionMakesPlaceForAClientWithFew) {
  EXPECT_EQ(take_all(address("10.0.0.1")), 90);
  EXPECT_EQ(take_all(address("10.0.0.2")), 10);
  EXPECT_EQ(connect(address("10.0.0.1")), Place::kOfLarger);
  EXPECT_EQ(connect(address("10.0.0.3")), Place::kOfAny);
}

TEST_F(ConnectionSharesTest, AClientOfIpv6HasANetwork) {
  EXPECT_EQ(take_all(address("2001:db8::1")), 90);
  EXPECT_EQ(connect(address("2001:db8::2")), Place::kOfLarger);
  EXPECT_EQ(connect(address("2001:db8:0:1::2")), Place::kFree);
}

TEST_F(ConnectionSharesTest, ATrustedProxyTakesAll) {
  EXPECT_EQ(take_all(address("10.9.0.1")), 100);
  EXPECT_EQ(connect(address("10.9.0.1")), Place::kOfAny);
}

TEST_F(ConnectionSharesTest, AClientWithMoreStandsBack) {
  for (const char* from : {"10.0.0.1", "10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"})
    EXPECT_EQ(connect(address(from)), Place::kFree);
  EXPECT_TRUE(shares_.stands_back(address("10.0.0.1"), address("10.0.0.2")));
  EXPECT_FALSE(shares_.stands_back(address("10.0.0.2"), address("10.0.0.1")));
  EXPECT_FALSE(shares_.stands_back(address("10.0.0.1"), address("2001:db8::3")));
  EXPECT_TRUE(shares_.stands_back(address("2001:db8::1"), address("2001:db8::2")));
}

TEST_F(ConnectionSharesTest, AnEndedConnectionLeavesItsPlace) {
  EXPECT_EQ(take_all(address("10.0.0.1")), 90);
  shares_.leave(address("10.0.0.1"));
  --open_;
  EXPECT_EQ(connect(address("10.0.0.1")), Place::kFree);
}

TEST(ConnectionShares, OfLessThanTenPlacesThereIsNoShare) {
  const TrustedProxies none;
  ConnectionShares shares(9, none);
  for (size_t open = 0; open < 9; ++open) {
    EXPECT_EQ(shares.enter(address("10.0.0.1"), open), Place::kFree);
  }
  EXPECT_EQ(shares.enter(address("10.0.0.1"), 9), Place::kOfAny);
}

}  // namespace
}  // namespace cachey::net
