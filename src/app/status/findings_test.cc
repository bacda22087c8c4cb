#include "app/status/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "app/status/testing/causes.h"
#include "base/testing/captured_log.h"

namespace cachey::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using enum FindingCode;

TEST_F(FindingsTest, ACalmServerHasNone) {
  run(700);
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, EachBeginsWithinTenSecondsAloneAndEnds) {
  for (const Cause& cause : causes()) {
    SCOPED_TRACE(to_string(cause.code));
    heal();
    run(60);
    EXPECT_THAT(codes_on(), IsEmpty());
    EXPECT_LE(seconds_until({cause.code}, cause.change), 10);
    run(60, cause.change);
    EXPECT_THAT(codes_on(), ElementsAre(cause.code));
    EXPECT_THAT(text(), HasSubstr(cause.words));
    EXPECT_TRUE(findings_.is_on(cause.code));
    heal();
    EXPECT_LE(seconds_until({}, [](FindingsTest&) {}), 31);
    EXPECT_FALSE(findings_.is_on(cause.code));
  }
}

TEST_F(CausesTest, ACauseThatComesAndGoesIsOneFinding) {
  for (const Cause& cause : causes()) {
    if (rules()[static_cast<size_t>(cause.code)].hold < std::chrono::seconds(20)) continue;
    SCOPED_TRACE(to_string(cause.code));
    heal();
    run(60);
    int begins = 0;
    bool was_on = false;
    for (int second = 0; second < 120; ++second) {
      if (second / 5 % 2 == 0) {
        run(1, cause.change);
      } else {
        heal();
        run(1);
      }
      const bool is_on = findings_.is_on(cause.code);
      if (is_on && !was_on) ++begins;
      was_on = is_on;
    }
    EXPECT_LE(begins, 1);  // half of the time may be too little
  }
}

TEST_F(CausesTest, EachCodeHasACauseHere) {
  std::vector<FindingCode> codes;
  for (const Cause& cause : causes()) {
    if (codes.empty() || codes.back() != cause.code) codes.push_back(cause.code);
  }
  EXPECT_EQ(codes.size(), kFindingCodes);
  for (size_t i = 0; i < kFindingCodes; ++i)
    EXPECT_EQ(rules()[i].code, static_cast<FindingCode>(i));
}

TEST_F(CausesTest, EachCodeHasARowInTheRunbook) {
  std::ifstream file(CACHEY_SOURCE_DIR "/docs/runbook.md");
  const std::string runbook{std::istreambuf_iterator<char>(file), {}};
  for (size_t i = 0; i < kFindingCodes; ++i) {
    const auto code = std::string(to_string(static_cast<FindingCode>(i)));
    EXPECT_NE(runbook.find("\n| `" + code + "` |"), std::string::npos) << code;
  }
}

TEST_F(CausesTest, BadOnesComeBeforeWarnings) {
  run(20, [this](FindingsTest&) {
    bucket_throttles();
    disk_offline();
    fetches_fail();
  });
  EXPECT_THAT(codes_on(), ElementsAre(kDiskOffline, kFetchesFail, kBucketThrottles));
}

TEST_F(CausesTest, ABucketThatIsDownIsNeitherSlowNorThrottling) {
  run(20);
  run(20, [this](FindingsTest&) {
    breaker_opens();
    bucket_slow();
    *facts_.buckets[0].throttled += 50;
    *facts_.buckets[0].failures += 50;
  });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketDown));
}

TEST_F(CausesTest, AClockThatJumpsNeitherEndsNorKeepsAFinding) {
  const auto cause = [this](FindingsTest&) { no_credentials(); };
  run(5, cause);
  add(Column::kTimeMs, -3'600'000);
  run(5, cause);
  ASSERT_THAT(codes_on(), ElementsAre(kCredentialsFail));
  heal();
  run(6);
  EXPECT_THAT(codes_on(), IsEmpty());
  run(5, cause);
  heal();
  add(Column::kTimeMs, 3'600'000);
  run(1);
  EXPECT_THAT(codes_on(), ElementsAre(kCredentialsFail));
}

TEST_F(CausesTest, OneClientOfManyThatAreNotListedIsNotMost) {
  run(20, [this](FindingsTest&) { one_client(); });
  ASSERT_THAT(codes_on(), ElementsAre(kOneClient));
  heal();
  run(60);
  ASSERT_THAT(codes_on(), IsEmpty());
  run(20, [this](FindingsTest&) {
    one_client();
    facts_.misses_of_clients = 1'000'000;
  });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, OneClientIsToldBeforeItHasMostOfTheMinute) {
  for (int second = 1; second <= 5; ++second) run(1, [&](FindingsTest&) { greedy_since(second); });
  EXPECT_THAT(codes_on(), ElementsAre(kOneClient));
  EXPECT_THAT(text(), HasSubstr("client \"greedy\" makes 83 % of the misses of the last seconds"));
}

TEST_F(CausesTest, ThrashingIsToldBeforeItHasMostOfTheLastTenSeconds) {
  run(20);
  run(5, [this](FindingsTest&) {
    add(Column::kPagesMiss, 1100);
    ghosts(500);
  });
  EXPECT_THAT(codes_on(), ElementsAre(kThrashing));
  EXPECT_THAT(text(), HasSubstr("42 % of the misses of the last 5 s"));
}

TEST_F(CausesTest, RefusedCredentialsAreNoRefusalOfTheBucket) {
  run(20, [this](FindingsTest&) {
    credentials_refused();
    bucket_refuses();
  });
  EXPECT_THAT(codes_on(), ElementsAre(kCredentialsFail));
}

TEST_F(CausesTest, ABucketThatRefusesHalfOfItsRequestsIsAskedForOddThings) {
  run(20, [this](FindingsTest&) {
    *facts_.buckets[1].denied += 50;
    *facts_.buckets[1].denied_objects += 50;
  });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ABucketThatDeniesAllThatAQuietServerAsksForIsTold) {
  run(20);
  int second = 0;
  const auto quiet = [&](int64_t good) {
    *facts_.buckets[1].attempts -= 50;
    *facts_.buckets[1].good -= 50;
    if (++second % 4 != 0) return;
    *facts_.buckets[1].attempts += 1;
    *facts_.buckets[1].good += good;
    *facts_.buckets[1].denied += 1 - good;
    *facts_.buckets[1].denied_objects += 1 - good;
  };
  run(62, [&](FindingsTest&) { quiet(0); });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketRefuses));
  EXPECT_THAT(text(), HasSubstr("bucket \"two\" refuses"));
  run(40, [&](FindingsTest&) { quiet(1); });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ManyRequestsForOneObjectAreNoFinding) {
  run(20);
  const auto change = [this](FindingsTest&) {
    *facts_.buckets[0].good -= 50;  // all else hits
    *facts_.buckets[0].denied += 50;
    *facts_.buckets[1].good -= 50;
    *facts_.buckets[1].failures += 50;
    add(Column::kOriginOk, -100);
    add(Column::kKeyRefused, 50);
  };
  run(1, [&](FindingsTest& test) {
    change(test);
    *facts_.buckets[0].denied_objects += 1;
    *facts_.buckets[1].failed_objects += 1;
    add(Column::kKeyRefusedObjects, 1);
  });
  run(30, change);
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, NamesThatAClientMayHaveMadeUpAreNoFinding) {
  run(20);
  const auto change = [this](FindingsTest&) {
    others_refuse();
    facts_.buckets_are_limited = false;
    BucketFacts& made_up = facts_.buckets[0];
    made_up.is_known = false;
    made_up.now_ms = 9000;
    breaker_opens();
    all_attempts_fail();
    *made_up.throttled += 50;
    *made_up.denied += 50;
    *made_up.denied_objects += 50;
  };
  run(20, change);
  EXPECT_THAT(codes_on(), IsEmpty());
  run(1, [&](FindingsTest& test) {
    change(test);
    facts_.buckets_are_limited = true;
  });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketDown, kBucketRefuses));
}

TEST_F(CausesTest, AStoreThatHasGivenNoGoodAnswerIsToldThoughItsBucketsAreNotKnown) {
  const auto nothing_is_good = [this](FindingsTest&) {
    for (BucketFacts& bucket : facts_.buckets) bucket.is_known = false;
    facts_.buckets_are_limited = false;
    add(Column::kOriginOk, -100);
  };
  run(20, [&](FindingsTest& test) {
    others_refuse();
    nothing_is_good(test);
  });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketRefuses));
  run(90, nothing_is_good);
  EXPECT_THAT(codes_on(), IsEmpty());
  run(20, [&](FindingsTest& test) {
    all_attempts_fail();
    nothing_is_good(test);
  });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketDown));
}

TEST_F(CausesTest, AQuietServerThatIsDeniedAllSinceTheStartIsTold) {
  for (int second = 1; second <= 59; ++second) {
    if (second % 4 == 0) {
      add(Column::kOtherDenied, 1);
      add(Column::kOtherDeniedObjects, 1);
    }
    step();
  }
  EXPECT_THAT(codes_on(), ElementsAre(kBucketRefuses));
  EXPECT_THAT(text(), HasSubstr("no good answer since the start"));
}

TEST_F(CausesTest, ALostKeyIsToldWithinFifteenSecondsByAServerWithFewMisses) {
  for (int second = 1; second <= 14; ++second) {
    add(Column::kPagesMemory, 100);
    if (second % 7 == 0) {
      add(Column::kKeyRefused, 1);
      add(Column::kKeyRefusedObjects, 1);
    }
    step();
  }
  EXPECT_THAT(codes_on(), ElementsAre(kCredentialsFail));
  EXPECT_THAT(text(), HasSubstr("2 of 2 requests of the last 15 s"));
}

TEST_F(CausesTest, ABucketThatNothingIsAskedOfIsNotDownForLong) {
  run(10, [this](FindingsTest&) { breaker_opens(); });
  ASSERT_THAT(codes_on(), ElementsAre(kBucketDown));
  for (int second = 0; second < 31; ++second) step();  // the breaker stays open, clients are gone
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ASignatureThatIsRefusedForSomeKeysIsNoFaultOfTheCredentials) {
  run(20, [this](FindingsTest&) {
    add(Column::kKeyRefused, 90);
    add(Column::kKeyRefusedObjects, 90);
  });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, TheLogTellsAFindingAgainIfItGetsBad) {
  const CapturedLog captured;
  const int64_t end = facts_.totals[Column::kTimeMs] + int64_t{4} * 86'400'000;
  const auto certificate = [&](FindingsTest&) { facts_.certificate_ends_ms = end; };
  run(10, certificate);
  EXPECT_THAT(captured.text(), AllOf(HasSubstr("level=warn"), Not(HasSubstr("level=bad"))));
  add(Column::kTimeMs, int64_t{3} * 86'400'000);
  run(10, certificate);
  EXPECT_THAT(captured.text(), HasSubstr("code=certificate_expires level=bad"));
  EXPECT_EQ(std::ranges::count(captured.text(), '\n'), 2);
}

TEST_F(CausesTest, SinceIsTheBeginning) {
  run(30, [this](FindingsTest&) { disk_offline(); });
  EXPECT_EQ(findings_.worst_first()[0].since_ms, 1'001'000);
}

TEST_F(CausesTest, NamesOfClientsMakingAreQuoted) {
  facts_.buckets[0].name = "<img onerror=\"x\">\n\xff" + std::string(5000, 'a');
  facts_.buckets[0].breaker_open = true;
  run(5);
  EXPECT_THAT(text(), HasSubstr("\"<img onerror=\\\"x\\\">\\x0a\\xffaaa"));
  EXPECT_THAT(text(), Not(HasSubstr("\n")));
  EXPECT_LT(text().size(), 300u);
}

TEST_F(CausesTest, TwoClientsWithAboutHalfEachAreNotOne) {
  facts_.clients = {{"one", 6000, 6000, 0, 0}, {"other", 4000, 4000, 0, 0}};
  facts_.misses_of_clients = 10'000;
  set(Column::kTurnsWaiting, 40);
  run(20);
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, GhostsOfACacheWithManyHitsAreNoThrashing) {
  run(20, [this](FindingsTest&) { ghosts(60); });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, FewAnswersSayNothing) {
  for (int second = 0; second < 60; ++second) {
    add(Column::kFetches, 1);
    if (second % 10 == 0) add(Column::kFailedStore, 1);
    if (second % 5 == 0) {
      *facts_.buckets[0].attempts += 1;
      *facts_.buckets[0].failures += 1;
    }
    step();
  }
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ABucketThatWasAlwaysSlowIsSlowBesideAQuickOneOnly) {
  facts_.buckets[0].now_ms = 900;
  run(3);
  EXPECT_THAT(codes_on(), ElementsAre(kBucketSlow));
  run(60);
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ABucketThatStaysSlowIsUsualInTheEnd) {
  run(60);
  run(600, [this](FindingsTest&) { bucket_slow(); });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketSlow));
  run(6000, [this](FindingsTest&) { bucket_slow(); });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ADiskThatIsOpenedSaysNothingInTheFirstSeconds) {
  facts_.disk.state = DiskFacts::State::kOpening;
  run(5);
  EXPECT_THAT(codes_on(), IsEmpty());
  run(6);
  EXPECT_THAT(codes_on(), ElementsAre(kDiskOffline));
}

}  // namespace
}  // namespace cachey::app
