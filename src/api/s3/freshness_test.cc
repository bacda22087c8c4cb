#include "api/s3/freshness.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string_view>

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;

constexpr NextStep kAnswer{Step::kAnswer, 0ns};
constexpr NextStep kOpen{Step::kOpen, 0ns};
/// By a question that is newer than the request.
constexpr NextStep kAskAnew{Step::kAsk, 0ns};
/// By any question that is under way.
constexpr NextStep kAsk{Step::kAsk, 5s};

constexpr GoodFor kFiveSeconds{5s};

using MaxAge = std::optional<std::chrono::nanoseconds>;

/// A row of the table: what is known, and the step for each state of the entry.
struct FreshnessRow {
  std::string_view name;
  Known known;
  NextStep fresh;
  NextStep stale;
  NextStep always;
  NextStep never;
};

constexpr FreshnessRow kFreshnessRows[] = {
    {"within the size", Known::kServes, kAnswer, kAsk, kAskAnew, kAnswer},
    {"If-Match names the version", Known::kServesNamed, kAnswer, kAnswer, kAskAnew, kAnswer},
    {"If-Match differs", Known::kFails, kAskAnew, kAskAnew, kAskAnew, kAnswer},
    {"If-None-Match is equal", Known::kNotModified, kAnswer, kAsk, kAskAnew, kAnswer},
    {"past the size", Known::kPastEnd, kAskAnew, kAskAnew, kAskAnew, kAnswer},
    {"absent", Known::kAbsent, kAnswer, kAskAnew, kAskAnew, kAnswer},
};

TEST(NextStep, IsThatOfTheTable) {
  for (const FreshnessRow& row : kFreshnessRows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(next_step(kFiveSeconds, {.known = row.known, .age = 4s}), row.fresh);
    EXPECT_EQ(next_step(kFiveSeconds, {.known = row.known, .age = 6s}), row.stale);
    EXPECT_EQ(next_step(GoodFor::one_request(), {.known = row.known, .age = 1ns}), row.always);
    EXPECT_EQ(next_step(GoodFor::ever(), {.known = row.known, .age = 24h * 1000}), row.never);
  }
}

TEST(NextStep, NothingInThisProcessHasConfirmedThePagesOfAnEarlierOne) {
  for (const FreshnessRow& row : kFreshnessRows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(next_step(kFiveSeconds, {.known = row.known}), row.stale);
    EXPECT_EQ(next_step(GoodFor::one_request(), {.known = row.known}), row.always);
    EXPECT_EQ(next_step(GoodFor::ever(), {.known = row.known}), row.never);
  }
}

TEST(NextStep, AnAnswerIsGoodForLessThanItsTime) {
  EXPECT_EQ(next_step(kFiveSeconds, {.known = Known::kServes, .age = 5s - 1ns}), kAnswer);
  EXPECT_EQ(next_step(kFiveSeconds, {.known = Known::kServes, .age = 5s}), kAsk);
}

TEST(NextStep, AnAnswerSinceTheRequestBeganIsFinal) {
  for (const FreshnessRow& row : kFreshnessRows) {
    for (const auto age : {0ns, -1ns, std::chrono::nanoseconds(-10s)}) {
      for (const GoodFor good_for : {kFiveSeconds, GoodFor::one_request(), GoodFor::ever()}) {
        for (const MaxAge age_max : {MaxAge(), MaxAge(0s)}) {
          const FreshnessQuestion question{.known = row.known, .age = age, .age_max = age_max};
          EXPECT_EQ(next_step(good_for, question), kAnswer) << row.name;
        }
      }
    }
  }
}

TEST(NextStep, AClientThatAsksToRevalidateGetsIt) {
  for (const FreshnessRow& row : kFreshnessRows) {
    for (const GoodFor good_for : {kFiveSeconds, GoodFor::one_request(), GoodFor::ever()}) {
      const FreshnessQuestion question{.known = row.known, .age = 1s, .age_max = 0s};
      EXPECT_EQ(next_step(good_for, question), kAskAnew) << row.name;
    }
  }
}

TEST(NextStep, AYesIsNotOlderThanTheClientAllows) {
  for (const Known known : {Known::kServes, Known::kServesNamed, Known::kNotModified}) {
    const auto step = [known](GoodFor good_for, MaxAge age, std::chrono::seconds age_max) {
      return next_step(good_for, {.known = known, .age = age, .age_max = age_max});
    };
    EXPECT_EQ(step(kFiveSeconds, 2s, 2s), kAnswer);
    EXPECT_EQ(step(kFiveSeconds, 3s, 2s), (NextStep{Step::kAsk, 2s}));
    EXPECT_EQ(step(GoodFor::ever(), 3s, 2s), (NextStep{Step::kAsk, 2s}));
    EXPECT_EQ(step(GoodFor::ever(), std::nullopt, 2s), (NextStep{Step::kAsk, 2s}));
    EXPECT_EQ(step(GoodFor::ever(), 2s, 2s), kAnswer);
    EXPECT_EQ(step(GoodFor::one_request(), 1s, 2s), kAskAnew) << "no longer than the rule allows";
  }
  EXPECT_EQ(next_step(kFiveSeconds, {.known = Known::kServes, .age = 6s, .age_max = 9s}), kAsk);
  EXPECT_EQ(next_step(kFiveSeconds, {.known = Known::kAbsent, .age = 3s, .age_max = 2s}), kAskAnew);
}

TEST(NextStep, OfAnUnknownObjectTheBytesTellUnlessTheHeadMayDo) {
  for (const GoodFor good_for : {kFiveSeconds, GoodFor::one_request(), GoodFor::ever()}) {
    for (const MaxAge age_max : {MaxAge(), MaxAge(0s)}) {
      EXPECT_EQ(next_step(good_for, {.age_max = age_max}), kOpen);
      EXPECT_EQ(next_step(good_for, {.head_may_do = true, .age_max = age_max}), kAskAnew);
    }
  }
}

TEST(MayBeStale, ForItsTimeAndSomeMore) {
  for (const Known known : {Known::kServes, Known::kServesNamed, Known::kNotModified}) {
    const auto stale = [known](GoodFor good_for, std::chrono::nanoseconds age,
                               std::chrono::seconds max) {
      return may_be_stale(good_for, {.known = known, .age = age}, max);
    };
    EXPECT_TRUE(stale(kFiveSeconds, 65s - 1ns, 60s));
    EXPECT_FALSE(stale(kFiveSeconds, 65s, 60s));
    EXPECT_TRUE(stale(GoodFor::one_request(), 60s - 1ns, 60s));
    EXPECT_FALSE(stale(GoodFor::one_request(), 60s, 60s));
    EXPECT_FALSE(stale(kFiveSeconds, 5s, 0s)) << "0: off";
    EXPECT_FALSE(stale(GoodFor::one_request(), 1ns, 0s)) << "0: off";
    EXPECT_TRUE(stale(GoodFor::ever(), 24h * 1000, 0s));
    EXPECT_TRUE(stale(GoodFor{GoodFor::kMax}, GoodFor::kMax, GoodFor::kMax));
  }
}

TEST(MayBeStale, NoRefusalAndNothingThatWasNeverConfirmed) {
  for (const Known known : {Known::kNothing, Known::kAbsent, Known::kFails, Known::kPastEnd}) {
    EXPECT_FALSE(may_be_stale(kFiveSeconds, {.known = known, .age = 6s}, 60s));
  }
  EXPECT_FALSE(may_be_stale(kFiveSeconds, {.known = Known::kServes}, 60s));
  EXPECT_FALSE(
      may_be_stale(kFiveSeconds, {.known = Known::kServes, .age = 6s, .age_max = 0s}, 60s));
}

TEST(MayBeStale, NotOlderThanTheClientAllows) {
  const auto stale = [](std::chrono::seconds age) {
    return may_be_stale(kFiveSeconds, {.known = Known::kServes, .age = age, .age_max = 10s}, 60s);
  };
  EXPECT_TRUE(stale(10s));
  EXPECT_FALSE(stale(11s));
}

TEST(IsOutage, FailuresAreAndRefusalsAreNot) {
  for (const ErrorKind kind :
       {ErrorKind::kUpstream, ErrorKind::kTimeout, ErrorKind::kThrottled, ErrorKind::kOverloaded}) {
    EXPECT_TRUE(is_outage(Error(kind, "")));
  }
  for (const ErrorKind kind : {ErrorKind::kNotFound, ErrorKind::kDenied, ErrorKind::kArchived,
                               ErrorKind::kCancelled, ErrorKind::kBadRequest}) {
    EXPECT_FALSE(is_outage(Error(kind, "")));
  }
}

}  // namespace
}  // namespace cachey::api::s3
