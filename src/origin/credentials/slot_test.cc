#include "origin/credentials/slot.h"

#include <gtest/gtest.h>

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kNow = 1'700'000'000;

aws::CredentialsPtr keys(std::optional<int64_t> expires_at, const std::string& id = "k") {
  return std::make_shared<const aws::Credentials>(id, "s", "t", "test", expires_at);
}

struct CredRefresh : ::testing::Test {
  CredRefresh() { clock.set_unix_seconds(kNow); }

  void pass(std::chrono::seconds time) {
    clock.advance(time);
    clock.set_unix_seconds(clock.unix_seconds() + time.count());
  }

  /// The seconds until a search is due, and until the credentials are no longer usable.
  std::pair<int, int> times_of(const aws::CredentialsPtr& found, double chance) {
    FixedRandom fixed(chance);
    CredentialSlot timed(clock, fixed);
    timed.store(found);
    std::pair<int, int> times{-1, -1};
    for (int second = 0; second < 10'000; ++second) {
      if (times.first < 0 && timed.search_due()) times.first = second;
      if (times.second < 0 && !timed.usable()) times.second = second;
      pass(1s);
    }
    return times;
  }

  ManualClock clock;
  FixedRandom random{0.0};
  CredentialSlot slot{clock, random};
};

TEST_F(CredRefresh, AnEmptySlotWantsASearch) {
  EXPECT_EQ(slot.usable(), nullptr);
  EXPECT_TRUE(slot.search_due());
}

TEST_F(CredRefresh, TheSearchBeginsMinutesBeforeTheyExpire) {
  EXPECT_EQ(times_of(keys(kNow + 3600), 0.0), std::pair(3300, 3590));
  clock.set_unix_seconds(kNow);
  EXPECT_EQ(times_of(keys(kNow + 3600), 1.0), std::pair(3360, 3595));
}

TEST_F(CredRefresh, AShortLifeIsHalved) {
  EXPECT_EQ(times_of(keys(kNow + 60), 0.0), std::pair(30, 50));
  clock.set_unix_seconds(kNow);
  EXPECT_EQ(times_of(keys(kNow + 8), 0.0), std::pair(4, 6));
}

TEST_F(CredRefresh, ThoseThatHaveExpiredAreUsedForAMoment) {
  EXPECT_EQ(times_of(keys(kNow - 100), 0.0).second, 2);
}

TEST_F(CredRefresh, ThoseWithoutAnExpiryAreLookedForEveryQuarterOfAnHour) {
  EXPECT_EQ(times_of(keys(std::nullopt), 0.5), std::pair(900, -1));
}

TEST_F(CredRefresh, AFailureIsRememberedForASecond) {
  slot.store(Error(ErrorKind::kUpstream, "no"));
  EXPECT_FALSE(slot.search_due());
  EXPECT_EQ(slot.failure()->message(), "no");
  clock.advance(999ms);
  EXPECT_FALSE(slot.search_due());
  clock.advance(1ms);
  EXPECT_TRUE(slot.search_due());
}

TEST_F(CredRefresh, WhileTheOldOnesAreGoodFailuresAreBackedOff) {
  random = FixedRandom(1.0);
  slot.store(keys(std::nullopt));
  pass(900s);
  std::vector<int64_t> pauses;
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(slot.search_due());
    slot.store(Error(ErrorKind::kUpstream, "no"));
    ASSERT_NE(slot.usable(), nullptr);
    const MonoTime begun = clock.mono();
    while (!slot.search_due()) clock.advance(100ms);
    pauses.push_back((clock.mono() - begun) / 1s);
  }
  EXPECT_EQ(pauses, (std::vector<int64_t>{1, 2, 4, 8, 16, 32, 60, 60, 60}));
  slot.store(keys(std::nullopt));
  EXPECT_EQ(slot.failure(), std::nullopt);
}

TEST_F(CredRefresh, TheBackoffHasJitter) {
  slot.store(keys(std::nullopt));
  for (int i = 0; i < 4; ++i) slot.store(Error(ErrorKind::kUpstream, "no"));
  pass(900s);
  slot.store(Error(ErrorKind::kUpstream, "no"));
  clock.advance(7999ms);
  EXPECT_FALSE(slot.search_due());
  clock.advance(1ms);
  EXPECT_TRUE(slot.search_due());
}

TEST_F(CredRefresh, ARefusalMakesASearchDueOnceInAWhile) {
  const aws::CredentialsPtr first = keys(std::nullopt, "first");
  slot.store(first);
  EXPECT_FALSE(slot.search_due());
  EXPECT_TRUE(slot.refused(*first));
  EXPECT_TRUE(slot.search_due());
  EXPECT_EQ(slot.usable(), first) << "one store's refusal may be wrong";
  EXPECT_TRUE(slot.refused(*first)) << "a search is due or under way";
  slot.store(keys(std::nullopt, "first"));
  EXPECT_FALSE(slot.search_due());
  EXPECT_FALSE(slot.refused(*first)) << "the search brought the same";
  slot.store(keys(std::nullopt, "second"));
  EXPECT_TRUE(slot.refused(*first)) << "others are there";
  EXPECT_FALSE(slot.search_due());
  EXPECT_EQ(slot.usable()->access_key_id(), "second");
  clock.advance(9999ms);
  EXPECT_FALSE(slot.refused(*slot.usable()));
  clock.advance(1ms);
  EXPECT_TRUE(slot.refused(*slot.usable()));
}

TEST_F(CredRefresh, AFailedSearchAfterARefusalKeepsTheOldOnes) {
  const aws::CredentialsPtr first = keys(std::nullopt, "first");
  slot.store(first);
  EXPECT_TRUE(slot.refused(*first));
  slot.store(Error(ErrorKind::kUpstream, "no"));
  EXPECT_EQ(slot.usable(), first);
  clock.advance(5s);
  EXPECT_FALSE(slot.search_due());
  EXPECT_FALSE(slot.refused(*first));
  clock.advance(5s);
  EXPECT_TRUE(slot.refused(*first));
  EXPECT_TRUE(slot.search_due());
}

}  // namespace
}  // namespace cachey::origin
